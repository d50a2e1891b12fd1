from app.curation.rules.curating.quality.signals import signals
from tests.app.curation.rules.curating.making import column, turns

BOILERPLATE = [
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit.",
    "You need to enable JavaScript to run this app.",
    "JavaScript is disabled in your browser.",
    "We use cookies to improve your experience.",
    "This website uses cookies",
    "Accept all cookies",
    "© 2023 Example Ltd. All rights reserved.",
    "Subscribe to our newsletter!",
    "There was an error generating a response",
    "Too many requests in 1 hour. Try again later.",
    "Network error",
]
WORDS_ABOUT_IT = [
    "JavaScript is a language for the web.",
    "How do I bake cookies without butter?",
    "A session cookie is deleted when the browser is closed.",
    "The network error came from a wrong address.",
    "Write a newsletter for our customers.",
    "Something went wrong with my cake, it is flat.",
]


def test_boilerplate_is_distinguished_from_text_about_it() -> None:
    rows = [turns(line) for line in [*BOILERPLATE, *WORDS_ABOUT_IT]]
    ratios = [found["boilerplate_ratio"] for found in signals(column(*rows)).to_pylist()]
    told = [row[0]["content"] for row, ratio in zip(rows, ratios, strict=True) if ratio]
    assert told == BOILERPLATE
