"""The parts of the page around the current view.

- `header`: title, buttons for the entire page and for lecture mode, choice of a view
- `view_area`: the current view with its controls, a fragment of the page
- `partial_runs`: runs of a part of the page for widgets that stand outside of it
- `footer`: version of the page, and the server's memory use with ``?debug`` in the URL
- `keys`: keyboard shortcuts
- `tour_panel`: the current tour step's text and buttons
- `tour_menu`: its menu of tours and steps
- `style`: style sheets
- `errors`: message for unexpected errors
- `client_messages`: bounds and order of what a browser may send
- `sent_values`: check of the values that a browser sends for widgets
- `message_bursts`: sending of messages to a browser, those of a run together
- `connections`: bounds of the server's connections
- `uploaded_files`: bounds of the files that Streamlit holds
- `server_log`: bounds of the server's log
- `process`: one-time setup of the server process
"""
