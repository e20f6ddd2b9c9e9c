// Package deploytest checks the files of examples/deploy. It is a module of its own, because only it
// needs the types of Kubernetes.
package deploytest
