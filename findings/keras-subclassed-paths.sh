#!/usr/bin/env bash
# Keras 3.15.1: the alphabet decides where a subclassed model's weights are stored.
#
# Keras walks the attributes of a model in alphabetical order, and "layers", the list of all layers, is one of them. An
# attribute that sorts before "layers" is stored under its own name: `first/vars/0`. An attribute that sorts after it is
# stored with the list: `layers/dense_1/vars/0`. That name is the class's with a number, not the attribute's. So an old
# weights file may or may not load after an attribute is renamed.
#
# Output seen:
#   self.first, self.second: first/vars/0 layers/dense_1/vars/0
#   self.hidden, self.classes: classes/vars/0 hidden/vars/0
#   self.x, self.y: layers/dense/vars/0 layers/dense_1/vars/0
#   weights of first, second in a model with first, third: loads
#   weights of first, second in a model with third, second: ValueError: A total of 1 objects could not be loaded.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
if [ -z "${PYTHON:-}" ]; then
    python3 -m venv venv
    PYTHON=$folder/venv/bin/python
    "$PYTHON" -m pip install --quiet keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 \
        numpy==2.4.6 h5py==3.14.0 ml_dtypes==0.6.0
fi
cat > finding.py <<'EOF'
import h5py, keras, numpy

def network(first, last):
    class Network(keras.Model):
        def __init__(self):
            super().__init__()
            setattr(self, first, keras.layers.Dense(3))
            setattr(self, last, keras.layers.Dense(2))
        def call(self, x):
            return getattr(self, last)(getattr(self, first)(x))
    model = Network()
    model(numpy.ones((1, 4), "float32"))
    return model

def kernels(first, last):
    network(first, last).save_weights("network.weights.h5")
    paths = []
    h5py.File("network.weights.h5").visit(paths.append)
    paths = [path for path in paths if path.endswith("/vars/0")]
    print(f"self.{first}, self.{last}:", *paths)
    return paths

assert kernels("first", "second") == ["first/vars/0", "layers/dense_1/vars/0"]
assert kernels("hidden", "classes") == ["classes/vars/0", "hidden/vars/0"]
assert kernels("x", "y") == ["layers/dense/vars/0", "layers/dense_1/vars/0"]

network("first", "second").save_weights("saved.weights.h5")
network("first", "third").load_weights("saved.weights.h5")
print("weights of first, second in a model with first, third: loads")
try:
    network("third", "second").load_weights("saved.weights.h5")
    raise SystemExit("The behaviour changed: the weights load.")
except ValueError as error:
    message = "A total of 1 objects could not be loaded."
    assert message in str(error), error
    print("weights of first, second in a model with third, second: ValueError:", message)
EOF
export KERAS_BACKEND=jax TF_CPP_MIN_LOG_LEVEL=3
"$PYTHON" -W ignore finding.py
