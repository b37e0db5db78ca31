"""The parts of the page around the view.

- `header`: title, tools, choice of a view
- `footer`: version, and memory with ``?debug``
- `keys`: keyboard shortcuts
- `lecture`: buttons of lecture mode
- `tour_panel`: the current tour step's text and buttons
- `style`: style sheets
- `errors`: error boundary
- `process`: one-time setup of the server process
"""
