"""Every container that anything in deploy/ runs."""

from tests.deploy import files, read_compose, read_container_app, read_container_group, read_kubernetes
from tests.deploy.containers import Container

GROUP_MODULE = files.AZURE / "modules" / "container-group.bicep"
APP_MODULE = files.AZURE / "modules" / "app.bicep"
APPS = files.AZURE / "container-apps.bicep"

GROUP, APP = "Microsoft.ContainerInstance/containerGroups", "Microsoft.App/containerApps"


def app_ports() -> dict[str, int]:
    """The port that each container app is made with."""
    modules = files.bicep(APPS)["modules"]
    return {
        name: each["config"]["params"]["port"]
        for name, each in modules.items()
        if each["path"] == "modules/app.bicep"
    }


def in_container_groups() -> list[Container]:
    return [
        *read_container_group.containers(files.resource(GROUP_MODULE, GROUP), GROUP_MODULE.name),
        *read_container_group.containers(files.container_group_yaml(), files.CONTAINER_GROUP.name),
    ]


def in_container_apps() -> list[Container]:
    app = files.resource(APP_MODULE, APP)
    return [
        container
        for name, port in app_ports().items()
        for container in read_container_app.containers(app, f"{APP_MODULE.name} as {name}", port)
    ]


def in_kubernetes() -> list[Container]:
    """Of the overlays, which have all of the base."""
    return [
        container
        for name in files.KUSTOMIZATIONS
        if name != "base"
        for container in read_kubernetes.containers(files.manifests(name), name)
    ]


def in_compose() -> list[Container]:
    return [
        container
        for file in files.COMPOSE_FILES
        for container in read_compose.containers(files.composed(file), file.name)
    ]


PLATFORMS = {
    "container groups": in_container_groups,
    "container apps": in_container_apps,
    "kubernetes": in_kubernetes,
    "compose": in_compose,
}
