"""Writes the document's code samples of one language into a folder, a file for each operation.

samples.py DOCUMENT LANGUAGE FOLDER ENDING
"""

import json
import sys
from pathlib import Path


def main() -> None:
    document, language, folder, ending = sys.argv[1:]
    operations = [
        operation
        for methods in json.loads(Path(document).read_text())["paths"].values()
        for operation in methods.values()
    ]
    Path(folder).mkdir(parents=True, exist_ok=True)
    for operation in operations:
        sources = [sample["source"] for sample in operation["x-codeSamples"] if sample["lang"] == language]
        if len(sources) != 1:
            raise SystemExit(f"{operation['operationId']}: {len(sources)} samples for {language}")
        Path(folder, f"{operation['operationId']}{ending}").write_text(sources[0] + "\n")
    print(f"{len(operations)} samples for {language}")


if __name__ == "__main__":
    main()
