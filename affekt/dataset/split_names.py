"""How data sets call their splits, in folder names and in tables."""

from __future__ import annotations

import re
import unicodedata

_WORDS = {
    "train": (
        "train training trn tr learning apprentissage entrainement entrenamiento aprendizaje "
        "addestramento allenamento treino treinamento treinar trening trenings treningowy treningowe trenovaci egitim "
        "latih pelatihan trainings lern traning tranings traenings koulutus opetus antrenament antrenare tanito tanulo "
        "обучение обучающая тренировка навчання тренування εκπαιδευση אימון تدريب 训练 訓練 学習 훈련 학습"
    ),
    "val": (
        "val valid validation validating validate vali vld dev devel develop development eval evaluation "
        "evaluating evaluate heldout holdout publictest validierung validierungs validacion validazione convalida "
        "validacao validatie walidacja walidacyjny validace dogrulama validasi valideringen validering validerings "
        "validointi validare evaluierung evaluierungs валидация валидационная валідація "
        "验证 驗證 検証 검증 评估 評估 評価 평가"
    ),
    "test": (
        "test testing tst privatetest finaltest blindtest unseen prueba pruebas teste testowy testovaci "
        "uji pengujian testi testning testare teszt prova pruf тест тестовая тестирование тестування "
        "δοκιμη בדיקה اختبار 测试 測試 テスト 테스트 시험"
    ),
}
_SPLITS = {word: split for split, words in _WORDS.items() for word in words.split()}
_BESIDE = """
    set sets data dataset datasets daten datensatz split splits part partition subset clips clip videos video images
    image
    pictures faces face audio audios wav wavs files samples afew fer v ver version"""
#: What stands beside a split's name and says nothing of it.
_FILLING = frozenset(_BESIDE.split())
#: Words for "set" and "data" that are written without a space.
_ENDINGS = (
    "集合", "集", "用", "セット", "データ", "세트", "데이터", "용",
    "set", "sett", "settet", "data", "daten", "datensatz", "menge", "images", "videos", "clips", "faces",
)  # fmt: skip
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_PARTS = re.compile(r"[^\W\d_]+|\d+")


def canonical_split(name: str, *, numbered: bool = True) -> str | None:
    """``train``, ``val`` or ``test`` for a known spelling, else None.

    Known are ``Train_AFEW``, ``PublicTest``, ``dev``, ``eval``, ``held-out``, ``val2017``, ``Validation Set`` and the
    words of some other languages, in any case and any form of Unicode.

    Args:
        name: of a folder, or what a cell of a table says.
        numbered: whether a number beside the word says nothing (``val2017``). In a table ``test1`` and ``test2`` may be
            two splits.
    """
    if not numbered and any(sign.isdecimal() for sign in name):
        return None
    return next((split for words in _readings(name) if (split := _split_of(words))), None)


def splits_within(name: str) -> str | None:
    """The split that a word of a name is for, whatever else stands there (``train-clean-100``, ``Test (copy)``)."""
    found = (_SPLITS.get(word) for words in _readings(name) for word in words)
    return next(filter(None, found), None)


def _readings(name: str) -> list[list[str]]:
    """The words of a name without its accents, and with them."""
    whole = _CAMEL.sub(" ", unicodedata.normalize("NFKC", name.strip()))
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", whole.casefold()) if not unicodedata.combining(sign))
    # Decomposition takes more than accents away: the marks of kana and the syllables of hangul are put together again.
    kana = unicodedata.normalize("NFC", whole.casefold())
    folds = dict.fromkeys((unicodedata.normalize("NFC", bare), kana))
    return [[part for part in _PARTS.findall(folded) if not part.isdecimal()] for folded in folds]


def _split_of(words: list[str]) -> str | None:
    for rest in (words, [word for word in words if word not in _FILLING]):
        joined = "".join(rest)
        if joined in _SPLITS:
            return _SPLITS[joined]
        for ending in _ENDINGS:
            if (stem := joined.removesuffix(ending)) in _SPLITS:
                return _SPLITS[stem]
    return None
