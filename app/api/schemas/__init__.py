"""Schemas of requests and answers, with examples for the OpenAPI document; a module a resource."""
