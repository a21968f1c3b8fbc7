"""Engine `onnx`, from the graph to the engine.

session    one graph in ONNX Runtime
batch      several texts at once, frame by frame
speaker    a text to samples
engine     the protocol of `pockettts.engines`
"""

from pockettts.engines.onnx.batch import LANES, BatchedSession
from pockettts.engines.onnx.engine import OnnxEngine, check_settings, identity
from pockettts.engines.onnx.speaker import TakeSpeaker

__all__ = ["LANES", "BatchedSession", "OnnxEngine", "TakeSpeaker", "check_settings", "identity"]
