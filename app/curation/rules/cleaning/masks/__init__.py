"""Masks personal data and secrets: each is replaced by a placeholder such as `<EMAIL>`.

There is one module for each kind. It finds all of its kind in a text, and says which texts are
worth searching. `order` applies the masks one after another.
"""
