"""Attribution of one value to an earlier layer's maps or the pixels, one module for each method."""
