"""Splits texts into the words that may name a cluster: of any script, and without stop words."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from icu import BreakIterator, Locale
from stopwordsiso import has_lang, stopwords

from app.curation.rules.cleaning.language import languages
from app.curation.rules.curating.words import ANY_WITHOUT_SPACES

_MAX_CHARS: Final = 500
"""Only the beginning of a text is read: mostly what the user asks, which tells the subject."""
_NOT_WORDS: Final = r"https?://\S+|<[^<>\s]+>"
"""Addresses, markup, special tokens of models and placeholders of masks."""
_BETWEEN_WORDS: Final = r"[^\pL\pM\pN -]+"
"""What ends a run of words, such as punctuation; marks belong to the letter before them."""
_MIN_WORD_CHARS: Final = 2
_COMMON_WORDS: Final = (
    "一个 一些 一份 一天 一段 一种 一篇 一项 一首 下列 下面 不同 两个 中的 主要 之间 了解 "
    "人的 什么时候 什么样 以下 以及 他的 例子 使用 保持 信息 做出 具有 内容 减少 列出 列表 "
    "创建 利用 包含 包括 单词 句子 各种 告诉 哪一种 回答 处理 复杂 实现 完成 定义 导致 帮助 "
    "帮我 应该 建立 建议 开发 影响 怎样 情况 成为 我的 找出 找到 推荐 描述 提供 提出 提高 "
    "支持 改写 文本 新的 方式 方法 更多 更好 最后 最终 有助 有效 根据 正在 正确 比较 没有 "
    "注意 生成 用于 相关 确保 确定 示例 类型 给出 给定 编写 能够 获得 解决 解释 许多 识别 "
    "说出 请问 输入 输出 过程 这种 进行 选择 通常 重要 问题 需要 非常 任务 产生 分析 变化 "
    "发现 发生 增加 例文 可能 必要 文章 理由 簡単 説明 質問 影響 가장 각각 간단 과정 관련 "
    "내용 다음 대답 대한 대해 만들 문장 방법 설명 알려 어디 어떤 어떻게 얼마 얼마나 예시 "
    "이유 작성 제공 질문 차이 추천 필요"
)
_COMMON: Final = frozenset(_COMMON_WORDS.split())
"""Words in Chinese, Japanese and Korean that texts on any subject have, and the lists of stop words
lack."""
_INFLECTED: Final = re.compile(
    r".*[ぁ-ゟ]"
    r"|[가-힣]+(?:다|요|까|죠|려고|는데|은데|면서|[아어해]서|[아어해]야|[아어해]도|하고|하면|하기|하는|되는|있는|"
    r"없는|해|된|던|들어)"
    r"|[가-힣][야서해볼줄할갈]"
)
"""Matches words that are no nouns: in Japanese those that end in Hiragana, which writes endings and
particles, and in Korean those that end like verbs."""
_PARTICLE: Final = re.compile(
    r"(?<=[가-힣][가-힣])(?:에서[는도]?|에게|까지|부터|보다|처럼|마다|으로[는도]?|에[는도]?|[은는이가을를의도와과로만])\Z"
)
"""Follows a noun of Korean."""
_ENGLISH: Final = "en"
"""Language whose stop words are left out of all texts, since code and instructions have them."""


def terms_of(texts: Sequence[str]) -> Iterator[Iterator[str]]:
    """Yield the terms of each text: its words and its pairs of adjacent words, in lower case.

    Stop words of the text's language are no terms, and no pair has one.
    """
    begun = pc.utf8_slice_codeunits(pa.array(texts, pa.large_string()), 0, _MAX_CHARS)
    codes, _ = languages(begun)
    prose = pc.replace_substring_regex(pc.utf8_lower(begun), _NOT_WORDS, "\n")
    unspaced = pc.match_substring_regex(prose, ANY_WITHOUT_SPACES)
    chosen = prose.filter(unspaced).to_pylist()
    if chosen:
        spaced = pa.array(map(_with_spaces, chosen), pa.large_string())
        prose = pc.replace_with_mask(prose, unspaced, spaced)
    runs = pc.replace_substring_regex(prose, _BETWEEN_WORDS, "\n")
    for text, code in zip(runs.to_pylist(), codes.to_pylist(), strict=True):
        yield _terms(text, _stop_words(code))


def as_written(term: str) -> str:
    """Return a term without the space between two words of a script that has no spaces."""
    pattern = f"({ANY_WITHOUT_SPACES}) ({ANY_WITHOUT_SPACES})"
    written: str = pc.replace_substring_regex(pa.scalar(term), pattern, r"\1\2").as_py()
    return written


def _terms(text: str, stop_words: frozenset[str]) -> Iterator[str]:
    """Yield the terms of a text with a run of words in each line."""
    for run in text.splitlines():
        previous = ""
        for hyphenated in run.split():
            word = _without_particle(hyphenated.strip("-"))
            # Numbers say little.
            is_telling = len(word) >= _MIN_WORD_CHARS and word[0].isalpha()
            if not is_telling or word in stop_words or word in _COMMON:
                previous = ""
                continue
            yield word
            if previous:
                yield f"{previous} {word}"
            previous = word


def _without_particle(word: str) -> str:
    """Return a noun of Korean without its particle, and any other word as it is.

    Nothing is returned for an inflected word of Japanese or Korean.
    """
    if _INFLECTED.fullmatch(word):
        return ""
    return _PARTICLE.sub("", word)


def _with_spaces(text: str) -> str:
    """Return a text with spaces between its words, which ICU finds by dictionaries.

    Source: https://unicode-org.github.io/icu/userguide/boundaryanalysis/.
    """
    breaks = BreakIterator.createWordInstance(Locale.getRoot())
    breaks.setText(text)
    # ICU counts units of UTF-16.
    units, start, words = text.encode("utf-16-le"), 0, []
    for end in breaks:
        words.append(units[2 * start : 2 * end].decode("utf-16-le"))
        start = end
    return " ".join(words)


@cache
def _stop_words(language: str) -> frozenset[str]:
    return frozenset(stopwords([code for code in (_ENGLISH, language) if has_lang(code)]))
