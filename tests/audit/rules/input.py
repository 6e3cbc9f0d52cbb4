import asyncio
import os
import pickle
import subprocess

import numpy as np
import yaml
from sqlalchemy import text


def read(body):
    # ruleid: nothing-that-comes-in-is-code
    pickle.loads(body)
    # ruleid: nothing-that-comes-in-is-code
    yaml.load(body)
    # ruleid: nothing-that-comes-in-is-code
    np.load(body, allow_pickle=True)
    # ruleid: nothing-that-comes-in-is-code
    eval(body)
    # ok: nothing-that-comes-in-is-code
    yaml.safe_load(body)
    # ok: nothing-that-comes-in-is-code
    np.load(body)


def run(name):
    # ruleid: no-shell
    subprocess.run(f"ls {name}", shell=True)
    # ruleid: no-shell
    asyncio.create_subprocess_shell(name)
    # ruleid: no-shell
    os.system(name)
    # ok: no-shell
    subprocess.run(["ls", name], check=True)


def find(connection, name):
    # ruleid: sql-has-parameters
    text(f"SELECT 1 FROM users WHERE name = '{name}'")
    # ruleid: sql-has-parameters
    text("SELECT 1 FROM users WHERE name = '{}'".format(name))
    # ruleid: sql-has-parameters
    connection.execute(f"SELECT {name}")
    # ok: sql-has-parameters
    connection.execute(text("SELECT 1 FROM users WHERE name = :name"), {"name": name})
