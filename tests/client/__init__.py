"""A typed client, generated from the API's document."""
