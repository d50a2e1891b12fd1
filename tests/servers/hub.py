"""A server with the HTTP API of the Hugging Face Hub for dataset repositories, on loopback.

It has what `huggingface_hub` and `datasets` ask for: repositories and their settings, preupload,
LFS, commits, trees, refs, tags, squashing, and deletion of LFS files. It keeps all in memory.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, Final, Self
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

from tests.servers.hub_repository import Entry, RefusedError, Repository, large, regular
from tests.servers.process import HOST

TOKEN: Final = "hf_a-token-that-no-log-may-show"  # noqa: S105  # of a server for tests
_DATE: Final = "2026-01-02T03:04:05.000Z"
_NAME: Final = r"(?P<name>[^/]+/[^/]+)"
_REVISION: Final = r"(?P<revision>[^/]+)"
_API: Final = f"/api/datasets/{_NAME}"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: a value for JSON, or bytes as they are."""

    content: Any = None
    headers: tuple[tuple[str, str], ...] = ()
    status: int = 200


@dataclass(frozen=True, slots=True)
class Request:
    """A request.

    Attributes:
        method: The method.
        path: The path, without what is asked for.
        query: What is asked for after the path.
        body: The body.
    """

    method: str
    path: str
    query: dict[str, list[str]]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body or b"null")


class HubServer:
    """The server.

    Attributes:
        url: URL of the server.
        repositories: The repositories by their names.
        requests: The methods and paths of all requests, in their order.
        before: Called before each request is handled; it may raise `RefusedError`.
        collects: Whether commits that no ref leads to are gone, in new repositories.
        part_bytes: Size of the parts in which contents for LFS are sent; None for one part.
    """

    def __init__(self) -> None:
        self.reset()
        self._lock = Lock()
        hub = self

        class Handler(_Handler):
            server_of = hub

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{HOST}:{self._server.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def reset(self) -> None:
        """Forget everything."""
        self.repositories: dict[str, Repository] = {}
        self.requests: list[tuple[str, str]] = []
        self.before: Callable[[Request], None] = lambda _: None
        self.collects = True
        self.part_bytes: int | None = None
        self.parts: dict[str, bytes] = {}

    @contextmanager
    def refusing(self, part: str, *errors: RefusedError) -> Iterator[None]:
        """Answer the next requests whose path has a part with errors, one after the other."""
        left = list(errors)

        def refuse(request: Request) -> None:
            if left and part in request.path:
                raise left.pop(0)

        self.before = refuse
        try:
            yield
        finally:
            self.before = lambda _: None

    def sent(self, method: str, part: str) -> int:
        """Return the number of requests with a method whose path has a part."""
        return sum(each == method and part in path for each, path in self.requests)

    def answer(self, request: Request, token: str | None) -> Answer:
        """Answer a request."""
        with self._lock:
            self.requests.append((request.method, request.path))
            self.before(request)
            if token != TOKEN and not self._is_open(request):
                raise RefusedError(401, "Invalid credentials in Authorization header")
            for method, pattern, view in _ROUTES:
                match = re.fullmatch(pattern, request.path)
                if method == request.method and match:
                    parts = {key: unquote(part or "") for key, part in match.groupdict().items()}
                    return view(self, request, **parts)
        raise RefusedError(404, f"no route {request.method} {request.path}")

    def find(self, name: str) -> Repository:
        """Return a repository."""
        if name not in self.repositories:
            raise RefusedError(404, "Repository not found", "RepoNotFound")
        return self.repositories[name]

    def _is_open(self, request: Request) -> bool:
        """Tell whether a request needs no token: contents of LFS, and public repositories."""
        if request.path.startswith("/lfs/"):
            return True
        match = re.match(rf"(/api)?/datasets/{_NAME}", request.path)
        found = self.repositories.get(match["name"]) if match else None
        reads = request.method in {"GET", "HEAD"} or "/paths-info/" in request.path
        return reads and found is not None and not (found.is_private or found.gated)


class _Handler(BaseHTTPRequestHandler):
    server_of: HubServer
    protocol_version = "HTTP/1.1"
    # An answer is sent at once, and not in two parts of which the second waits for the client.
    wbufsize = -1
    disable_nagle_algorithm = True

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = urlsplit(self.path)
        request = Request(self.command, parts.path, parse_qs(parts.query), body)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            answer = self.server_of.answer(request, token)
        except RefusedError as error:
            headers = [("X-Error-Message", error.message)] if error.message.isprintable() else []
            if error.code:
                headers.append(("X-Error-Code", error.code))
            if error.status == 429:
                headers.append(("Retry-After", "0"))
            answer = Answer({"error": error.message}, tuple(headers), error.status)
        content = answer.content
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(answer.status)
        headers_sent = dict(answer.headers)
        headers_sent.setdefault("Content-Length", str(len(data)))
        for name, value in headers_sent.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815  # http.server's names

    def log_message(self, *_: object) -> None:
        """Write nothing."""


def _create(hub: HubServer, request: Request) -> Answer:
    name = f"{request.json['organization']}/{request.json['name']}"
    if name in hub.repositories:
        raise RefusedError(409, "You already created this dataset repo")
    is_private = request.json.get("visibility") == "private" or request.json.get("private")
    hub.repositories[name] = Repository(name, bool(is_private), collects=hub.collects)
    return Answer({"url": f"{hub.url}/datasets/{name}", "id": name})


def _delete(hub: HubServer, request: Request) -> Answer:
    name = f"{request.json['organization']}/{request.json['name']}"
    hub.find(name)
    del hub.repositories[name]
    return Answer({})


def _info(hub: HubServer, _request: Request, name: str, revision: str = "main") -> Answer:
    repository = hub.find(name)
    return Answer(repository.describe(repository.find(revision)))


def _settings(hub: HubServer, request: Request, name: str) -> Answer:
    repository = hub.find(name)
    if "visibility" in request.json:
        repository.is_private = request.json["visibility"] == "private"
    repository.gated = request.json.get("gated", repository.gated)
    return Answer({})


def _validate(_hub: HubServer, request: Request) -> Answer:
    """Check that there is metadata, with what a data set needs."""
    _, front, _ = request.json["content"].split("---\n", 2)
    metadata = yaml.safe_load(front)
    errors = [
        {"message": f'"{key}" is required'}
        for key in ("license", "size_categories", "configs")
        if key not in metadata
    ]
    return Answer({"errors": errors, "warnings": []}, (), 400 if errors else 200)


def _preupload(hub: HubServer, request: Request, name: str, revision: str) -> Answer:
    repository = hub.find(name)
    tree = repository.find(revision).tree
    files = [
        {
            "path": each["path"],
            "uploadMode": repository.mode(each["path"], each["size"]),
            "shouldIgnore": False,
            "oid": (there := tree.get(each["path"])) and (there.sha256 or there.blob_id),
        }
        for each in request.json["files"]
    ]
    return Answer({"files": files})


def _batch(hub: HubServer, request: Request, name: str) -> Answer:
    repository = hub.find(name)
    objects = []
    for each in request.json["objects"]:
        actions = {"upload": _upload(hub, f"{name}/{each['oid']}", each["size"])}
        is_there = each["oid"] in repository.objects
        objects.append({**each, **({} if is_there else {"actions": actions})})
    return Answer({"transfer": "basic", "objects": objects})


def _upload(hub: HubServer, place: str, size: int) -> dict[str, Any]:
    """Return where a content is sent: to one place, or in parts and then to be completed."""
    if hub.part_bytes is None:
        return {"href": f"{hub.url}/lfs/{place}"}
    numbers = range(1, -(-size // hub.part_bytes) + 1)
    parts = {f"{number:05}": f"{hub.url}/lfs/{place}/{number:05}" for number in numbers}
    header = {"chunk_size": str(hub.part_bytes), **parts}
    return {"href": f"{hub.url}/lfs/{place}/complete", "header": header}


def _put_part(hub: HubServer, request: Request, **_: str) -> Answer:
    assert hub.part_bytes is not None
    assert 0 < len(request.body) <= hub.part_bytes
    etag = hashlib.sha256(request.body).hexdigest()
    hub.parts[etag] = request.body
    return Answer({}, (("ETag", etag),))


def _complete(hub: HubServer, request: Request, name: str, sha256: str) -> Answer:
    content = b"".join(hub.parts[part["etag"]] for part in request.json["parts"])
    return _put(hub, Request("PUT", request.path, {}, content), name, sha256)


def _put(hub: HubServer, request: Request, name: str, sha256: str) -> Answer:
    if hashlib.sha256(request.body).hexdigest() != sha256:
        raise RefusedError(400, "BadDigest")
    hub.find(name).objects[sha256] = request.body
    return Answer({})


def _commit(hub: HubServer, request: Request, name: str, revision: str) -> Answer:
    assert revision == "main"
    lines = [json.loads(line) for line in request.body.splitlines()]
    assert lines[0]["key"] == "header"
    changes: dict[str, Entry | None] = {}
    for line in lines[1:]:
        value = line["value"]
        if line["key"] == "file":
            changes[value["path"]] = regular(base64.b64decode(value["content"]))
        elif line["key"] == "lfsFile":
            changes[value["path"]] = large(value["oid"], value["size"])
        else:
            assert line["key"] == "deletedFile", line["key"]
            changes[value["path"]] = None
    header = lines[0]["value"]
    made = hub.find(name).commit(header["summary"], header.get("parentCommit"), changes)
    url = f"{hub.url}/datasets/{name}/commit/{made.commit_id}"
    return Answer({"commitUrl": url, "commitOid": made.commit_id, "success": True})


def _tree(hub: HubServer, request: Request, name: str, revision: str, path: str = "") -> Answer:
    """List a page of files; the next one begins where `cursor` says."""
    tree = hub.find(name).find(revision).tree
    prefix = f"{path.strip('/')}/" if path.strip("/") else ""
    listed = [_file(each, tree[each]) for each in sorted(tree) if each.startswith(prefix)]
    folders = {each["path"].rpartition("/")[0] for each in listed} - {"", prefix.rstrip("/")}
    entries = [{"type": "directory", "path": each, "oid": "0" * 40, "size": 0} for each in folders]
    entries += listed
    start, size = int(request.query.get("cursor", ["0"])[0]), 4
    headers: tuple[tuple[str, str], ...] = ()
    if start + size < len(entries):
        following = f"{hub.url}{request.path}?recursive=true&cursor={start + size}"
        headers = (("Link", f'<{following}>; rel="next"'),)
    return Answer(entries[start : start + size], headers)


def _file(path: str, entry: Entry) -> dict[str, Any]:
    found = {"type": "file", "path": path, "oid": entry.blob_id, "size": entry.size}
    if entry.sha256 is None:
        return found
    return {**found, "lfs": {"oid": entry.sha256, "size": entry.size, "pointerSize": 130}}


def _paths_info(hub: HubServer, request: Request, name: str, revision: str) -> Answer:
    tree = hub.find(name).find(revision).tree
    body = request.json if request.body.startswith(b"{") else parse_qs(request.body.decode())
    paths = body.get("paths", [])
    return Answer([_file(each, tree[each]) for each in paths if each in tree])


def _refs(hub: HubServer, request: Request, name: str) -> Answer:
    repository = hub.find(name)

    def listed(prefix: str) -> list[dict[str, str]]:
        found = repository.refs_below(prefix)
        return [
            {"name": each, "ref": prefix + each, "targetCommit": commit_id}
            for each, commit_id in sorted(found.items())
        ]

    answer = {
        "branches": listed("refs/heads/"),
        "tags": listed("refs/tags/"),
        "converts": listed("refs/convert/"),
    }
    if "include_prs" in request.query:
        answer["pullRequests"] = listed("refs/pr/")
    return Answer(answer)


def _commits(hub: HubServer, _request: Request, name: str, revision: str) -> Answer:
    return Answer(
        [
            {"id": c.commit_id, "title": c.title, "message": "", "authors": [], "date": _DATE}
            for c in hub.find(name).history(revision)
        ]
    )


def _squash(hub: HubServer, request: Request, name: str, revision: str) -> Answer:
    assert revision == "main"
    hub.find(name).squash(request.json["message"])
    return Answer({})


def _tag(hub: HubServer, request: Request, name: str, revision: str) -> Answer:
    repository, ref = hub.find(name), f"refs/tags/{request.json['tag']}"
    if ref in repository.refs:
        raise RefusedError(409, "Tag already exists")
    repository.refs[ref] = repository.find(revision).commit_id
    return Answer({})


def _delete_ref(hub: HubServer, request: Request, name: str, revision: str) -> Answer:
    kind = "tags" if "/tag/" in request.path else "heads"
    if hub.find(name).refs.pop(f"refs/{kind}/{revision}", None) is None:
        raise RefusedError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    return Answer({})


def _lfs_files(hub: HubServer, _request: Request, name: str) -> Answer:
    return Answer(
        [
            {"fileOid": s, "oid": s, "filename": "a file", "pushedAt": _DATE, "size": len(content)}
            for s, content in sorted(hub.find(name).objects.items())
        ]
    )


def _delete_lfs_files(hub: HubServer, request: Request, name: str) -> Answer:
    hub.find(name).delete_objects(request.json["deletions"]["sha"])
    return Answer({})


def _resolve(hub: HubServer, _request: Request, name: str, revision: str, path: str) -> Answer:
    repository = hub.find(name)
    commit = repository.find(revision)
    entry = commit.tree.get(path)
    if entry is None:
        raise RefusedError(404, "Entry not found", "EntryNotFound")
    etag = f'"{entry.sha256 or entry.blob_id}"'
    headers = (("X-Repo-Commit", commit.commit_id), ("ETag", etag))
    return Answer(repository.read(entry), headers)


View = Callable[..., Answer]
_ROUTES: Final[tuple[tuple[str, str, View], ...]] = (
    ("POST", "/api/repos/create", _create),
    ("DELETE", "/api/repos/delete", _delete),
    ("POST", "/api/validate-yaml", _validate),
    ("GET", _API, _info),
    ("GET", f"{_API}/revision/{_REVISION}", _info),
    ("PUT", f"{_API}/settings", _settings),
    ("POST", f"{_API}/preupload/{_REVISION}", _preupload),
    ("POST", f"/datasets/{_NAME}.git/info/lfs/objects/batch", _batch),
    ("PUT", f"/lfs/{_NAME}/(?P<sha256>[0-9a-f]+)", _put),
    ("PUT", f"/lfs/{_NAME}/[0-9a-f]+/[0-9]+", _put_part),
    ("POST", f"/lfs/{_NAME}/(?P<sha256>[0-9a-f]+)/complete", _complete),
    ("POST", f"{_API}/commit/{_REVISION}", _commit),
    ("GET", f"{_API}/tree/{_REVISION}(?P<path>/.*)?", _tree),
    ("POST", f"{_API}/paths-info/{_REVISION}", _paths_info),
    ("GET", f"{_API}/refs", _refs),
    ("GET", f"{_API}/commits/{_REVISION}", _commits),
    ("POST", f"{_API}/super-squash/{_REVISION}", _squash),
    ("POST", f"{_API}/tag/{_REVISION}", _tag),
    ("DELETE", f"{_API}/(tag|branch)/{_REVISION}", _delete_ref),
    ("GET", f"{_API}/lfs-files", _lfs_files),
    ("POST", f"{_API}/lfs-files/batch", _delete_lfs_files),
    ("GET", f"/datasets/{_NAME}/resolve/{_REVISION}/(?P<path>.+)", _resolve),
    ("HEAD", f"/datasets/{_NAME}/resolve/{_REVISION}/(?P<path>.+)", _resolve),
)
