"""Personal data and secrets, replaced by typed placeholders such as `<EMAIL>`.

One module for each kind: what a text must have for a look to be worth it, and where the kind is in
it. `order` puts them together.
"""
