"""Whether what a deployment rests on is still what was approved: hashed anew when a file looks touched."""

from fxgpt_core.errors import CorruptArtifactError, MissingError
from fxgpt_core.live.deployed import Deployed
from fxgpt_core.registry.artifact import Artifact
from fxgpt_core.registry.lake import Lake

_Look = tuple[int, int, int]


class DeployedBytes:
    """Looks at the files of deployments; what was hashed once is not hashed again while size, time and inode stay."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._sound: dict[str, _Look] = {}

    def flaw(self, deployment: Deployed) -> str:
        """What is wrong with a deployment's parameters, model or calibration, in words; empty for nothing."""
        for artifact_id in (deployment.parameter_set_id, deployment.model_id, deployment.calibration_id):
            try:
                self._require_sound(self._lake.get(artifact_id))
            except (CorruptArtifactError, MissingError) as error:
                return f"deployment {deployment.deployment_id} does not rest on what was approved: {error}"
        return ""

    def _require_sound(self, artifact: Artifact) -> None:
        try:
            found = artifact.path.stat()
        except FileNotFoundError as error:
            raise CorruptArtifactError(f"{artifact.place}: the file {artifact.path} is gone") from error
        look = (found.st_size, found.st_mtime_ns, found.st_ino)
        if self._sound.get(artifact.id) == look:
            return
        if (sha256 := self._lake.verify(artifact)) != artifact.sha256:
            raise CorruptArtifactError(
                f"{artifact.place}: {artifact.path} hashes to {sha256[:16]}…, {artifact.sha256[:16]}… was approved"
            )
        self._sound[artifact.id] = look
