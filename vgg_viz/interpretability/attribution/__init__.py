"""Attribution of one value to an earlier layer's maps or to the pixels, one module a method."""
