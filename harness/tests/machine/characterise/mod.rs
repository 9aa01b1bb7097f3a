//! Characterisation of sensors whose truth is known: the virtual node, logs of a real A100, and a driver made of files.

mod logs;
mod stored;
mod ticks;
mod virtual_node;
