"""Writes the matrices that scikit-learn makes of small texts, for the tests of crates/partwise-apps.

Needs scikit-learn. Run from the root of the repository: python3 scripts/make_text_fixtures.py
"""

import json
from pathlib import Path

import sklearn
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

FOLDER = Path("crates/partwise-apps/tests/fixtures/text")

DOCUMENTS = [
    "The quick brown fox jumps over the lazy dog; the dog sleeps.",
    "Größe ist nicht alles, aber die GRÖSSE der Größe zählt. Straße, STRASSE.",
    "L'été à la plage: l'ÉTÉ, déjà vu, naïve café — café!",
    "Война и мир. Мир и война; война ВОЙНА.",
    "Ὀδυσσεύς ΟΔΟΣ οδός ΣΟΦΟΣ σοφός",
    "東京 東京都 京都 日本語のテキスト。日本",
    "هذا نص عربي ٤٢ نص",
    "हिन्दी में पाठ पाठ",
    "snake_case x86_64 v2 42 3.14 a b c don't can't I'm",
    "İstanbul ISTANBUL istanbul ﬁne ⅷ ² x² №5",
    "",
    "   \t\n  ",
    "fox dog fox dog fox bear, the lazy bear and the quick fox",
    "brown bear brown fox\nnew line words\r\ndog dog dog dog",
    "the the the the a a a",
    "café cafe\u0301 CAFÉ e\u0301te\u0301",
]

SETTINGS = [
    {},
    {"sublinear_tf": True},
    {"binary": True},
    {"ngram_range": (1, 2)},
    {"ngram_range": (2, 3)},
    {"min_df": 2},
    {"min_df": 2, "max_df": 4},
    {"max_df": 0.2},
    {"min_df": 0.1, "max_df": 0.5, "ngram_range": (1, 2), "sublinear_tf": True},
    {"max_features": 4},
    {"max_features": 2, "max_df": 5, "ngram_range": (1, 2)},
    {"stop_words": ["the", "and", "la"]},
    {"stop_words": ["the", "and"], "ngram_range": (1, 3), "min_df": 2},
    {"counts": True},
]


def case(setting):
    """The vocabulary and the rows of one setting."""
    setting = dict(setting)
    kind = CountVectorizer if setting.pop("counts", False) else TfidfVectorizer
    vectorizer = kind(**setting)
    matrix = vectorizer.fit_transform(DOCUMENTS).tocsr()
    matrix.sort_indices()
    return {
        "setting": setting | ({"counts": True} if kind is CountVectorizer else {}),
        "terms": vectorizer.get_feature_names_out().tolist(),
        "offsets": matrix.indptr.tolist(),
        "columns": matrix.indices.tolist(),
        "values": [float(value) for value in matrix.data],
    }


def main():
    """Writes the one file."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    content = {
        "made_with": f"scikit-learn {sklearn.__version__}",
        "documents": DOCUMENTS,
        "cases": [case(setting) for setting in SETTINGS],
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    (FOLDER / "tfidf.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
