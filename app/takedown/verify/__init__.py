"""Verifying a takedown: decoding all that the lake keeps, to look for what should be gone.

Nothing here uses the code that erases, nor the lists of files that it goes by: all files of the
lake's folders and buckets are opened, and every table of its databases.
"""
