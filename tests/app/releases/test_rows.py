from app.releases.rows import published_arrow_schema


def test_the_rows_of_a_computed_stage_do_not_say_who_contributed() -> None:
    for stage in ("cleaned", "curated"):
        names = set(published_arrow_schema(stage).names)
        assert not names & {"submitter_id", "attribution", "ingest_id", "conversation", "bands"}
