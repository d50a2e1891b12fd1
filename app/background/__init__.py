"""Work beside the requests: election, supervision, schedules and maintenance."""
