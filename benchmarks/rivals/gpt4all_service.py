"""What the service of gpt4all-datalake does for a submission, made anew: the floor of its users.

FastAPI on uvicorn, validation by pydantic, and one Parquet file for each request, without a sync.
See `api/app/api_v1/routes/ingest.py` of https://github.com/nomic-ai/gpt4all-datalake.
"""

import os
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.middleware.cors import CORSMiddleware

FOLDER_VARIABLE: Final = "SUBMISSIONS_FOLDER"
"""Name of the environment variable with the folder to store submissions in."""
_FIELDS: Final = [
    ("turn", pa.int32()),
    ("content", pa.string()),
    ("role", pa.string()),
    ("rating", pa.string()),
    ("stopped", pa.bool_()),
    ("edited_content", pa.string()),
]


class Rating(StrEnum):
    """The judgement of a turn."""

    positive = "positive"
    negative = "negative"


class Turn(BaseModel):
    """One message."""

    content: str
    role: str | None = None
    rating: Rating | None = None
    stopped: bool = False
    edited_content: str | None = None


class Submission(BaseModel):
    """A conversation."""

    agent_id: str
    conversation: list[Turn]
    prompt_template: str
    source: str | None = None
    submitter_id: str = ""
    ingest_id: str | None = None


class Acknowledgement(BaseModel):
    """The answer."""

    ingest_id: str


application = FastAPI()
application.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "POST"])


@application.get("/")
async def health() -> dict[str, str]:
    """Answer that the service is up."""
    return {"result": "ok"}


@application.post("/v1/ingest/chat")
async def ingest(submission: Submission) -> Acknowledgement:
    """Store a submission as a Parquet file."""
    ingest_id = submission.ingest_id or str(uuid4())
    metadata = {
        "ingest_id": ingest_id,
        "submitter_id": submission.submitter_id,
        "prompt_template": submission.prompt_template,
        "agent_id": submission.agent_id,
    }
    turns = [
        {**turn.model_dump(), "turn": number} for number, turn in enumerate(submission.conversation)
    ]
    table = pa.Table.from_pylist(turns, schema=pa.schema(_FIELDS, metadata=metadata))
    folder = Path(os.environ[FOLDER_VARIABLE]) / f"{datetime.now(UTC):%Y_%m_%d}" / "chats"
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / f"{ingest_id}.parquet", compression=None)
    return Acknowledgement(ingest_id=ingest_id)
