"""The lines of docs/operations.md that save and restore the users, while the database is open."""

import re
import subprocess

from services.gateway.store.database import Database
from services.gateway.store.users import UserStore
from tests.data import REPOSITORY


def lines() -> list[str]:
    page = (REPOSITORY / "docs" / "operations.md").read_text()
    section = page.split("## Backup and restore")[1].split("\n## ")[0]
    return re.findall(r"```bash\n(.*?)```", section, re.S)


async def test_users_saved_while_it_runs_are_there_again_once_restored(tmp_path):
    file = tmp_path / "var" / "users.db"
    file.parent.mkdir()
    save, restore = lines()

    def run(script):
        subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, check=True)

    database = Database(f"sqlite:///{file}")
    await database.migrate()
    await UserStore(database).add("ada", "no hash")
    run(save)
    await UserStore(database).add("bob", "no hash")
    await database.close()
    file.write_bytes(b"a disk that failed")
    run(restore)
    restored = Database(f"sqlite:///{file}")
    await restored.migrate()
    assert [user.username for user in await UserStore(restored).all()] == ["ada"]
    await restored.close()
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "users.backup.db").stat().st_mode & 0o777 == 0o600
