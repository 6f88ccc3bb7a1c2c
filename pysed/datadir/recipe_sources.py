"""Which recordings a data directory's mixtures are made of, as its ``recipes.yaml`` tells."""

from collections.abc import Iterable
from pathlib import Path

from pysed.errors import DataError
from pysed.text_files import read_yaml

RECIPES = "recipes.yaml"


def recipe_sources(folder: Path, utterances: Iterable[str]) -> dict[str, tuple[str, str]]:
    """utterance -> recordings of its event (of its background, where it has no event) and of its background.

    Raises DataError for a file that holds no recipes, or none of one of ``utterances``.
    """
    path = folder / RECIPES
    content = read_yaml(path, "a list of recipes")
    try:
        sources = {}
        for recipe in content:
            background = str(recipe["background"]["recording"])
            of_event = recipe.get("event")
            sources[str(recipe["name"])] = (str(of_event["recording"]) if of_event else background, background)
    except (LookupError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: not a list of recipes ({reason}); run stage 1 again") from None
    for name in utterances:
        if name not in sources:
            raise DataError(f"{path}: no recipe of {name}, which wav.scp has; run stage 1 again")
    return sources
