"""Recognisers of people's names, which an operator chooses by a setting; without it none is used.

Models are large, slow and wrong now and then, so none is part of the service.
"""
