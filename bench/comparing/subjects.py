"""What is compared: networks and matrix products, each with its peers."""

from pathlib import Path

from comparing.agreement import TOLERANCES, require
from comparing.programs import Failed, Peer, Worker, command_of, environment

LENET_PEERS = {
    "torch eager": Peer("torch_lenet.py", "eager", compiles=False),
    "torch eager, channels-last": Peer("torch_lenet.py", "eager channels-last", compiles=False),
    "torch.compile": Peer("torch_lenet.py", "compile"),
    "torch.compile, channels-last": Peer("torch_lenet.py", "compile channels-last"),
    "torch.compile, max-autotune": Peer("torch_lenet.py", "compile max-autotune", where="gpu"),
    "jax.jit NCHW": Peer("jax_lenet.py", "nchw"),
    "jax.jit NHWC": Peer("jax_lenet.py", "nhwc"),
    "Theano": Peer("theano_lenet.py", default=False, where="cpu"),
}
ALEXNET_PEERS = {
    "torch eager": Peer("torch_alexnet.py", "eager", compiles=False),
    "torch eager, channels-last": Peer("torch_alexnet.py", "eager channels-last", compiles=False),
    "torch.compile": Peer("torch_alexnet.py", "compile"),
    "torch.compile, channels-last": Peer("torch_alexnet.py", "compile channels-last"),
    "torch.compile, max-autotune": Peer("torch_alexnet.py", "compile max-autotune", where="gpu"),
    "jax.jit NCHW": Peer("jax_alexnet.py", "nchw"),
    "jax.jit NHWC": Peer("jax_alexnet.py", "nhwc"),
}
SAE_PEERS = {
    "torch eager": Peer("torch_sae.py", "eager", compiles=False),
    "torch.compile": Peer("torch_sae.py", "compile"),
    "torch.compile, max-autotune": Peer("torch_sae.py", "compile max-autotune", where="gpu"),
    "jax.jit": Peer("jax_sae.py"),
}
LSTM_PEERS = {
    "torch nn.LSTM": Peer("torch_lstm.py", "nn.LSTM", compiles=False),
    "torch nn.GRU": Peer("torch_lstm.py", "nn.GRU", compiles=False),
    "torch cell, eager": Peer("torch_lstm.py", "cell, eager", compiles=False),
    "torch cell, compile": Peer("torch_lstm.py", "cell, compile", default=False),  # minutes, for all steps are unrolled
    "jax.jit lax.scan": Peer("jax_lstm.py", "lax.scan"),
    "Theano": Peer("theano_lstm.py", default=False, where="cpu"),
}
LSTM_LIBRARY = {"plain": "torch nn.LSTM", "gru2": "torch nn.GRU"}
GEMM_PEERS = {"torch.mm": Peer("torch_gemm.py", compiles=False), "OpenBLAS": Peer("", compiles=False)}
SHAPES = ["64x784x400", "64x800x500", "16x128x512", "1024x1024x1024"]  # rows x depth x columns
TURN_GFLOP = 2  # of one product in one turn: about 10 to 30 ms
TOLERANCE_OF_PRODUCTS = 2e-4  # relative to the largest element
# Where a ReLU's operand is 0 or a pool's maxima are equal but for rounding, two programs that are right send a gradient on
# or do not, and one such element of 65,000 is 0.4 % of a gradient's norm. The loss has no such steps.
TOLERANCE_OF_LOSS, TOLERANCE_OF_STEPS = 1e-5, 2e-2
# As many labels are 0 as are 1, and the LSTM says one half of all: terms of 1/32 add up to b2's gradient of 5e-5, of which
# float32 has that many digits less. b's are multiplied with these.
TOLERANCES_OF_SUMS = {"b": 1e-3, "b2": 1e-2}
TOLERANCE_OF_TF32 = 2e-2  # operands have 10 bits of mantissa


class Subject:
    """What both kinds have: `titles` by request, `peers` by name, defaults of options."""

    titles, peers = {}, {}
    variants = []  # the first is the default
    parts, part = [None], None  # steps of training: each is measured alone
    rounds, calls, warmup = 15, 20, 20
    left_out = {}  # peers that failed, and why

    def chosen(self):
        names = self.options.peers
        if names is None:
            names = [name for name, peer in self.peers.items() if peer.default]
        here = {name: self.peers[name] for name in (self.peers if names == ["all"] else names)}
        return {name: peer for name, peer in here.items() if ("gpu" if self.options.device.startswith("cuda") else "cpu") in peer.where}


class Network(Subject):
    """Forward and gradient functions of a network."""

    titles = {"forward": "forward", "forward_changed": "forward, changed", "gradient": "gradient"}
    model, batch = "", 0  # of a subclass

    def __init__(self, options):
        self.options = options
        self.dtype = options.dtype
        if self.dtype != "float32":
            self.peers = {name: peer for name, peer in self.peers.items() if not peer.script.startswith("theano")}
        self.batch = options.batch or self.batch
        self.variant = options.variant or next(iter(self.variants), None)
        self.facts = {"model": self.model, "batch": self.batch, "dtype": self.dtype, **({"variant": self.variant} if self.variants else {})}

    def calls_of(self, _, __):
        return self.options.calls

    def gflop(self, request, description):
        return description["gflop"]["gradient" if request == "gradient" else "forward"]

    def arguments(self):
        return []

    def peer_words(self):
        """What peers are told besides their own variant."""
        return []

    def ours(self, command, threads):
        o = self.options
        return [str(o.bitale), command, self.model, "--batch", str(self.batch), "--threads", str(threads), *self.arguments(),
                *(["--variant", self.variant] if self.variant else []), *(["--step", self.part] if self.part else []),
                *(["--isa", o.isa[0]] if o.isa else []), *(["--constant-batch"] if o.constant else []),
                *(["--dtype", self.dtype] if self.dtype != "float32" else []),
                *(["--device", o.device] if o.device != "cpu" else []), *(["--tf32"] if o.tf32 else [])]

    def theirs(self, peer, exchange, threads, *function):
        o = self.options
        return [*command_of(peer.script, " ".join([peer.variant, *self.peer_words()]).strip(), exchange, threads, *function),
                *(["--device", o.device] if o.device.startswith("cuda") else []), *(["--tf32"] if o.tf32 else [])]

    def allowed(self, of):
        """The largest error of a result: of "loss of forward", "loss", or a parameter's gradient."""
        return TOLERANCES[self.dtype]

    def check(self, name, errors):
        require(name, errors, (lambda _: TOLERANCE_OF_TF32) if self.options.tf32 else self.allowed)

    def write(self, exchange, threads, cpus):
        """Bitale's results. It ends, and says what it was."""
        bitale = Worker("Bitale", self.ours("bench-worker", threads), cpus).describe()
        bitale.ask("write " + exchange)
        bitale.close()
        return bitale.description

    def start(self, threads, cpus, exchange):
        workers = [Worker("Bitale", self.ours("bench-worker", threads), cpus).describe()]
        workers[0].ask("write " + exchange)
        begin = lambda name, peer: Worker(name, self.theirs(peer, exchange, threads), cpus, environment(threads))  # noqa: E731
        self.left_out = {}
        # Each compiles for itself: those of a GPU at the same time, for they have CPUs enough.
        begun = {name: begin(name, peer) for name, peer in self.chosen().items()} if self.options.device.startswith("cuda") else {}
        for name, peer in self.chosen().items():
            try:
                worker = (begun.get(name) or begin(name, peer)).describe()
                self.check(name, worker.description["errors"])
                workers.append(worker)
            except Failed as failure:
                if not self.options.go_on:
                    raise
                self.left_out[name] = str(failure)
        return workers


class Lenet(Network):
    model, batch, peers = "lenet", 64, LENET_PEERS

    def arguments(self):
        return ["--last-layer", "random"]


class AlexNet(Network):
    model, batch, peers = "alexnet", 256, ALEXNET_PEERS
    variants = ["exact", "no_lrn", "no_lrn_no_groups"]

    def allowed(self, of):
        if self.dtype != "float32":
            return super().allowed(of)
        return TOLERANCE_OF_LOSS if of.startswith("loss") else TOLERANCE_OF_STEPS

    def arguments(self):
        return ["--scaled-weights"]  # with the study's, which elements are a pool's maxima is left to rounding

    def peer_words(self):
        return ["lrn"] if self.variant == "exact" else []


class Sae(Network):
    model, batch, peers = "sae", 64, SAE_PEERS
    variants = ["small", "large"]
    parts = ["ae1", "ae2", "ae3", "se"]

    def arguments(self):
        return ["--last-layer", "random"]


class Lstm(Network):
    model, peers = "lstm", LSTM_PEERS
    variants = ["plain", "layer_normalised", "gru2"]

    def __init__(self, options):
        self.batch, steps = (32, 50) if options.variant == "gru2" else (16, 71)
        super().__init__(options)
        self.peers = {name: peer for name, peer in self.peers.items()
                      if not name.startswith("torch nn.") or name == LSTM_LIBRARY.get(self.variant)}
        if options.epoch:  # a call is one of all its batches
            self.rounds, self.calls, self.warmup = 5, 1, 1
            self.facts["epoch"] = True
            del self.peers["torch cell, compile"]  # minutes for each of 62 lengths
        else:
            self.facts["steps"] = self.steps = options.steps or steps

    def allowed(self, of):
        return TOLERANCES_OF_SUMS.get(of, super().allowed(of)) if self.dtype == "float32" else super().allowed(of)

    def arguments(self):
        return [] if self.options.epoch else ["--batch-steps", str(self.steps)]


class Gemm(Subject):
    """Products of matrices, in float32; Bitale once for each instruction set."""

    peers = GEMM_PEERS

    def __init__(self, options):
        self.options = options
        self.titles = {shape: shape for shape in options.shape}
        self.facts = {"model": "gemm", "extents": "constant" if options.constant else "symbolic"}

    def calls_of(self, request, description):
        return max(3, min(2000, round(TURN_GFLOP / description["gflop"][request])))

    def gflop(self, request, description):
        return description["gflop"][request]

    def ours(self, threads, *arguments):
        o = self.options
        return [str(o.bitale), "bench-gemm-worker", *o.shape, "--threads", str(threads),
                *([] if o.constant else ["--symbolic"]), *arguments]

    def allowed(self, of):
        return TOLERANCE_OF_PRODUCTS

    def start(self, threads, cpus, exchange):
        o = self.options
        workers = [Worker("Bitale " + isa, self.ours(threads, "--isa", isa), cpus).describe() for isa in o.isa or executable_isas()]
        if "OpenBLAS" in self.chosen():
            workers.append(Worker("OpenBLAS", self.ours(threads, "--openblas"), cpus).describe())
        workers[0].ask("write " + exchange)
        for worker in workers[1:]:
            require(worker.name, worker.ask("check " + exchange)["errors"], self.allowed)
        if "torch.mm" in self.chosen():
            command = command_of("torch_gemm.py", exchange, threads, *o.shape)
            workers.append(Worker("torch.mm", command, cpus, environment(threads)).describe())
            require("torch.mm", workers[-1].description["errors"], self.allowed)
        return workers


def executable_isas():
    flags = next(line.split() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags"))
    return [isa for isa, needed in {"v4": "avx512vl", "v3": "avx2"}.items() if needed in flags] or ["v2"]


SUBJECTS = {"lenet": Lenet, "alexnet": AlexNet, "sae": Sae, "lstm": Lstm, "gemm": Gemm}


def setting(part, threads, device):
    where = device if device != "cpu" else f"{threads} thread{'s' if threads > 1 else ''}"
    return f"{f'step {part}, ' if part else ''}{where}"
