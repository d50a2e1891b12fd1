"""Reads the shapes in which applications, logs and data sets hold conversations.

Each shape is a module with one function, which turns an object of that shape into a `Conversation`.
`registry` lists them. What a function takes from an object it takes through `Fields`, so that
whatever it doesn't take is known.
"""
