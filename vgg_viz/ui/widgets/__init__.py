"""Controls, grids and components; none knows a view.

- `controls`: the sidebar's controls
- `picture_chooser`: choice of the picture and its resizing
- `picture_files`: samples and the robin as files
- `picture_upload`: upload and camera
- `own_pictures`: several of the viewer's pictures
- `uploads`: where uploads are blocked
- `chosen_network`: the chosen network, loading or missing
- `chosen_dense`: its dense layers and class names
- `chosen_channel`: the chosen channel
- `class_list`: the most likely classes
- `tiles`: base of all grids
- `grid`: grids of values, and how any grid is shown
- `color_grid`: grids of color pictures
- `export_menu`: files to download
- `diagram`: the network as SVG
- `text_blocks`: headings, captions and prose
- `key_list`: every key
- `components`: our own HTML, CSS and JavaScript
"""
