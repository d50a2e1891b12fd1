"""Keys, tokens and passwords: of well-known providers by their formats, and others by their names.

`SECRET_FORMATS` has a row for each format, with its source. docs/decisions/0022 says why this table
isn't taken from a library. `secret_assignment` finds values by the names that they are given to.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from app.curation.rules.cleaning.masks.mask import AnchoredForm, Form, Mask, Span, lower_case
from app.curation.rules.cleaning.masks.secret_assignment import HINTS, NAMES, find_assignments
from app.curation.rules.cleaning.masks.told_password import BEGINS, find_told_passwords
from app.curation.rules.cleaning.masks.told_password import HINTS as HINTS_OF_TOLD

_MIN_DISTINCT: Final = 8
"""Different characters of a secret at least: `ghp_xxxxxxxx…` in instructions isn't one."""


def _any(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class SecretFormat:
    """The format of a provider's keys or tokens.

    Attributes:
        provider: Name of the provider, and of the kind of key if it has several.
        hint: A regular expression of RE2 that is found in each key, and in few other texts.
        pattern: A regular expression of Python that matches a whole key. If it has groups, only
            the matching group is the secret.
        source: URL of a description of the format.
        is_valid: Tells whether a text that matches the pattern is a key.
        expression: The compiled pattern, which no letter or digit may adjoin.
    """

    provider: str
    hint: str
    pattern: str
    source: str
    is_valid: Callable[[str], bool] = _any
    expression: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        bounded = rf"(?<![A-Za-z0-9])(?:{self.pattern})(?![A-Za-z0-9])"
        object.__setattr__(self, "expression", re.compile(bounded, re.ASCII))

    def find(self, text: str) -> Iterator[Span]:
        """Yield the places of the keys in a text, from left to right."""
        for match in self.expression.finditer(text):
            group = match.lastindex or 0
            if len(set(match[group])) >= _MIN_DISTINCT and self.is_valid(match[group]):
                yield match.span(group)


def _decoded(part: str) -> bytes | None:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        return None


def _has_jose_header(token: str) -> bool:
    try:
        header = msgspec.json.decode(_decoded(token.split(".", 1)[0]) or b"")
    except msgspec.DecodeError:
        return False
    return isinstance(header, dict) and "alg" in header


def _begins_with_an_id(token: str) -> bool:
    return (_decoded(token.split(".", 1)[0]) or b"").isdigit()


_GITLEAKS: Final = "https://github.com/gitleaks/gitleaks/tree/master/cmd/generate/config/rules"
_GITHUB_PATTERNS: Final = (
    "https://docs.github.com/en/code-security/secret-scanning/introduction/"
    "supported-secret-scanning-patterns"
)
"""The source of formats that providers describe only to services that search for leaks."""

SECRET_FORMATS: Final = (
    SecretFormat(
        "AWS access key id",
        "A(?:KIA|SIA|BIA|CCA)[A-Z0-9]",
        r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html",
    ),
    SecretFormat(
        "AWS secret access key",
        "(?i:secret[_ -]?(?:access)?[_ -]?key)",
        r"(?i:secret[_ -]?(?:access)?[_ -]?key)(?: is)?[\"'`]?\s{0,3}[=:>]{0,2}\s{0,3}[\"'`]?"
        r"([A-Za-z0-9/+]{40})(?![/+=])",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html",
    ),
    SecretFormat(
        "GitHub",
        "gh[pousr]_[A-Za-z0-9]|github_pat_",
        r"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}",
        "https://github.blog/engineering/behind-githubs-new-authentication-token-formats/",
    ),
    SecretFormat(
        "GitLab",
        "gl(?:pat|oas|dt|rt|cbt|ptt|ft|imt|agent|soat|ffct)-",
        r"gl(?:pat|oas|dt|rt|cbt|ptt|ft|imt|agent|soat|ffct)-[\w-]{20,300}"
        r"(?:\.[0-9a-z]{2}\.?[0-9a-z]{7})?",
        "https://docs.gitlab.com/security/tokens/#token-prefixes",
    ),
    SecretFormat(
        "Slack",
        r"xox[a-z]|xapp-|hooks\.slack\.com",
        r"xox[abceoprs](?:\.xox[bp])?-(?:[A-Za-z0-9]+-)+[A-Za-z0-9]{8,200}"
        r"|xapp-[0-9]-[A-Z0-9]+-[0-9]+-[a-f0-9]{32,128}"
        r"|hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/]{30,80})",
        "https://docs.slack.dev/authentication/tokens",
    ),
    SecretFormat(
        "Stripe",
        "[sr]k_(?:live|test)_|whsec_",
        r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,247}|whsec_[A-Za-z0-9+/]{32,64}={0,2}",
        "https://docs.stripe.com/keys",
    ),
    # Before OpenAI's, whose first letters are the same.
    SecretFormat(
        "Anthropic",
        "sk-ant-",
        r"sk-ant-(?:api|admin|oat|ort|sid)[0-9]{2}-[\w-]{60,140}",
        f"{_GITLEAKS}/anthropic.go",
    ),
    SecretFormat(
        "OpenAI",
        r"\bsk-[A-Za-z0-9]",
        r"sk-(?:proj|svcacct|admin|None)-[\w-]{40,200}|sk-[A-Za-z0-9]{48}"
        r"|sk-[\w-]{0,40}[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}",
        f"{_GITLEAKS}/openai.go",
    ),
    SecretFormat(
        "OpenRouter",
        "sk-or-v1-",
        r"sk-or-v1-[0-9a-f]{64}",
        _GITHUB_PATTERNS,
    ),
    SecretFormat(
        "Google",
        "AIza[A-Za-z0-9_-]|GOCSPX-|ya29[.]",
        r"AIza[\w-]{35}(?![\w-])|GOCSPX-[\w-]{28}(?![\w-])|ya29\.[\w-]{40,500}",
        "https://cloud.google.com/docs/authentication/api-keys-use",
    ),
    SecretFormat(
        "Hugging Face",
        "hf_[A-Za-z]|api_org_",
        r"(?:hf|api_org)_[A-Za-z0-9]{34,40}",
        "https://huggingface.co/docs/hub/security-tokens",
    ),
    SecretFormat(
        "Telegram",
        "[0-9]{8}:A[A-Za-z0-9_-]",
        r"(?:bot)?[0-9]{8,10}:A[\w-]{34}(?![\w-])",
        "https://core.telegram.org/bots/api#authorizing-your-bot",
    ),
    SecretFormat(
        "Discord bot",
        r"\b[MNO][A-Za-z0-9_-]{23}",
        r"[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,38}",
        "https://discord.com/developers/docs/reference#authentication",
        _begins_with_an_id,
    ),
    SecretFormat(
        "Discord webhook",
        "api/(?:v[0-9]+/)?webhooks/",
        r"discord(?:app)?\.com/api/(?:v[0-9]+/)?webhooks/[0-9]{17,20}/([\w-]{60,80})",
        "https://discord.com/developers/docs/resources/webhook",
    ),
    SecretFormat(
        "Twilio",
        r"\b(?:SK|AC)[0-9a-f]{16}",
        r"(?:SK|AC)[0-9a-f]{32}",
        "https://www.twilio.com/docs/glossary/what-is-a-sid",
    ),
    SecretFormat(
        "SendGrid",
        r"SG\.[A-Za-z0-9_-]",
        r"SG\.[\w-]{16,32}\.[\w-]{32,64}",
        "https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys",
    ),
    SecretFormat(
        "npm",
        "npm_[A-Za-z0-9]",
        r"npm_[A-Za-z0-9]{36}",
        "https://github.blog/changelog/2021-09-23-npm-has-a-new-access-token-format/",
    ),
    SecretFormat(
        "PyPI",
        "pypi-Ag",
        r"pypi-Ag(?:EIcHlwaS5vcmc|ENdGVzdC5weXBpLm9yZw)[\w-]{50,1000}",
        "https://docs.pypi.org/api/secrets/",
    ),
    SecretFormat(
        "JSON Web Token",
        r"\bey[JA][A-Za-z0-9_-]{8}",
        r"ey[\w-]{15,2000}\.ey[\w-]{10,8000}\.[\w-]{16,2000}",
        "https://www.rfc-editor.org/rfc/rfc7519#section-3",
        _has_jose_header,
    ),
    SecretFormat(
        "Azure storage",
        "(?i:AccountKey|SharedAccessKey) ?=|sig=",
        r"(?i:AccountKey|SharedAccessKey) ?= ?([A-Za-z0-9+/]{43,86}={1,2})"
        r"|[?&]sig=([A-Za-z0-9%+/]{40,90}(?:%3D|=)?)",
        "https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string",
    ),
    SecretFormat(
        "Azure client secret",
        "[0-9]Q~",
        r"[\w.~-]{3}[0-9]Q~[\w.~-]{31,34}",
        f"{_GITLEAKS}/azure.go",
    ),
    SecretFormat(
        "DigitalOcean",
        "do[opr]_v1_",
        r"do[opr]_v1_[0-9a-f]{64}",
        "https://docs.digitalocean.com/reference/api/create-personal-access-token/",
    ),
    SecretFormat(
        "Databricks", "dapi[0-9a-f]", r"dapi[0-9a-f]{32}(?:-[0-9])?", f"{_GITLEAKS}/databricks.go"
    ),
    SecretFormat(
        "Shopify", "shp(?:at|ca|pa|ss)_", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}", _GITHUB_PATTERNS
    ),
    SecretFormat("Square", "sq0[a-z]{3}-", r"sq0[a-z]{3}-[\w-]{22,43}(?![\w-])", _GITHUB_PATTERNS),
    SecretFormat("Mailgun", "key-[0-9a-f]{8}", r"key-[0-9a-f]{32}", f"{_GITLEAKS}/mailgun.go"),
    SecretFormat(
        "Mailchimp",
        "[0-9a-f]-us[0-9]",
        r"[0-9a-f]{32}-us[0-9]{1,2}",
        f"{_GITLEAKS}/mailchimp.go",
    ),
    SecretFormat("Groq", "gsk_", r"gsk_[A-Za-z0-9]{48,56}", _GITHUB_PATTERNS),
    SecretFormat("xAI", "xai-", r"xai-[A-Za-z0-9]{70,90}", _GITHUB_PATTERNS),
    SecretFormat("Replicate", "r8_", r"r8_[A-Za-z0-9]{37}", _GITHUB_PATTERNS),
    SecretFormat("Perplexity", "pplx-", r"pplx-[A-Za-z0-9]{48,56}", f"{_GITLEAKS}/perplexity.go"),
    SecretFormat("Docker Hub", "dckr_pat_", r"dckr_pat_[\w-]{27}", _GITHUB_PATTERNS),
    SecretFormat(
        "Grafana",
        "gl(?:sa|c)_",
        r"glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}|glc_[A-Za-z0-9+/]{32,400}={0,3}",
        f"{_GITLEAKS}/grafana.go",
    ),
    SecretFormat("Notion", "ntn_", r"ntn_[0-9]{11}[A-Za-z0-9]{35}", f"{_GITLEAKS}/notion.go"),
    SecretFormat("Linear", "lin_api_", r"lin_api_[A-Za-z0-9]{40}", f"{_GITLEAKS}/linear.go"),
    SecretFormat("RubyGems", "rubygems_", r"rubygems_[0-9a-f]{48}", f"{_GITLEAKS}/rubygems.go"),
    SecretFormat(
        "HashiCorp Vault", r"hvs\.", r"hvs\.[\w-]{24,120}", f"{_GITLEAKS}/hashicorp_vault.go"
    ),
    SecretFormat(
        "age",
        "AGE-SECRET-KEY-1",
        r"AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}",
        "https://age-encryption.org/v1",
    ),
)


_LONG: Final = r"[!-~]{20}"
"""Found in every text with such a key: none is shorter."""
MASK: Final = Mask(
    "secret",
    [
        *(Form((_LONG, row.hint), row.find) for row in SECRET_FORMATS),
        AnchoredForm(HINTS, NAMES, find_assignments, lower_case),
        AnchoredForm(HINTS_OF_TOLD, BEGINS, find_told_passwords, lower_case),
    ],
)
