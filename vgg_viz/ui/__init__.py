"""The Streamlit page, and the only package that imports Streamlit.

- `state`: the viewer's values and the address
- `widgets`: controls, grids and components
- `parts`: sections that views share
- `views`: one module for each view
- `page`: header, footer, styles, tour panel

Numbers of layers, channels, filters and maps count from 1, as on the page; indices, positions and
classes count from 0.
"""
