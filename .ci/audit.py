"""Says which packages of a list have known faults, and how many could be looked up at all.

    python .ci/audit.py PIP-AUDIT REQUIREMENTS

Ends with 1 where a fault is known. pip-audit itself says "No known vulnerabilities found" also
where the index knew nothing of any package; here that is said as what it is, and fails nothing.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

PATIENCE = 300  # seconds


def main(program: str, requirements: str) -> int:
    found = _ask(program, requirements)
    looked_up = [each for each in found if "skip_reason" not in each]
    if not looked_up:
        print(f"NOTHING WAS AUDITED: no fault of {requirements} would have been found.")
        return 0
    faults = [(each, fault) for each in looked_up for fault in each["vulns"]]
    for each, fault in faults:
        mended = ", ".join(fault["fix_versions"]) or "nothing yet"
        print(f"{each['name']} {each['version']}: {fault['id']}, mended by {mended}")
    print(
        f"{requirements}: {len(looked_up)} of {len(found)} packages audited, {len(faults)} faults."
    )
    return 1 if faults else 0


def _ask(program: str, requirements: str) -> list[dict]:
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = [program, "--disable-pip", "--require-hashes", f"--requirement={requirements}"]
        command += ["--format=json", f"--output={answer}", "--progress-spinner=off"]
        try:
            subprocess.run(command, check=False, timeout=PATIENCE)
            return json.loads(answer.read_text(encoding="utf-8"))["dependencies"]
        except (OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
            print(f"pip-audit did not answer: {type(error).__name__}")
            return []


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
