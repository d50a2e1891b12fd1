"""What requests ask and what answers hold, for validation and for the OpenAPI document."""
