"""Widgets that several views share: controls, grids of tiles and custom components.

- `controls`: the sidebar's controls
- `picture_chooser`: choice of the picture that the page shows, and of its resizing
- `image_change`: choice of a change of this picture, such as a rotation
- `picture_files`: the sample pictures and the walkthrough's robin, as files
- `own_pictures`: uploads of the viewer's own pictures, one or several together
- `stored_pictures`: the viewer's own pictures by number, in their session
- `uploads`: warning where the browser cannot upload files
- `chosen_network`: the chosen network while it loads, and notices if there is none
- `weights_notice`: notice that ImageNet's weights are missing, and what to do without them
- `dropped_networks`: upload of a viewer's own network, where the host allows it
- `chosen_dense`: the chosen network's dense layers, and the names of the classes
- `chosen_channel`: name of the chosen channel
- `class_list`: list of the most likely classes
- `grid`: grids of values, and the code that shows any grid on the page
- `color_grid`: grids of color pictures
- `export_menu`: menu of files to download
- `diagram`: diagram of the network's layers, an SVG
- `layer_bars`: bars of a property of the conv layers
- `text_blocks`: headings, captions and explanations
- `key_list`: list of all keyboard shortcuts
- `components`: custom components in HTML, CSS and JavaScript

No module here imports a view.
"""
