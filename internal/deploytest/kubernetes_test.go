package deploytest_test

import (
	"bytes"
	"maps"
	"os"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

const manifests = "../../examples/deploy/kubernetes.yaml"

// objects are the objects in the file, by kind.
type objects struct {
	config   corev1.ConfigMap
	account  corev1.ServiceAccount
	workload appsv1.Deployment
	services []corev1.Service
	budget   policyv1.PodDisruptionBudget
	policies []networkingv1.NetworkPolicy
}

// read decodes the file strictly: a field that the API does not have, or that is there twice, is an
// error.
func read(t *testing.T) (all objects) {
	t.Helper()
	text, err := os.ReadFile(manifests)
	if err != nil {
		t.Fatal(err)
	}
	for n, document := range bytes.Split(text, []byte("\n---\n")) {
		var kind metav1.TypeMeta
		if err := yaml.Unmarshal(document, &kind); err != nil {
			t.Fatalf("document %d: %v", n, err)
		}
		var err error
		switch kind.APIVersion + " " + kind.Kind {
		case "v1 ConfigMap":
			err = yaml.UnmarshalStrict(document, &all.config)
		case "v1 ServiceAccount":
			err = yaml.UnmarshalStrict(document, &all.account)
		case "apps/v1 Deployment":
			err = yaml.UnmarshalStrict(document, &all.workload)
		case "v1 Service":
			err = add(document, &all.services)
		case "policy/v1 PodDisruptionBudget":
			err = yaml.UnmarshalStrict(document, &all.budget)
		case "networking.k8s.io/v1 NetworkPolicy":
			err = add(document, &all.policies)
		default:
			t.Errorf("document %d is an unexpected %s %s", n, kind.APIVersion, kind.Kind)
		}
		if err != nil {
			t.Errorf("document %d: %v", n, err)
		}
	}
	return all
}

func add[T any](document []byte, to *[]T) error {
	var one T
	err := yaml.UnmarshalStrict(document, &one)
	*to = append(*to, one)
	return err
}

// Everything that selects pods selects those of the Deployment, and every port exists.
func TestSelectors(t *testing.T) {
	all := read(t)
	pod := all.workload.Spec.Template
	container := pod.Spec.Containers[0]
	selects := func(what string, s labels.Selector) {
		if s.Empty() || !s.Matches(labels.Set(pod.Labels)) {
			t.Errorf("%s does not select the pods", what)
		}
	}
	named := func(what string, s *metav1.LabelSelector) {
		selector, err := metav1.LabelSelectorAsSelector(s)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		selects(what, selector)
	}
	named("the Deployment", all.workload.Spec.Selector)
	named("the PodDisruptionBudget", all.budget.Spec.Selector)
	named("the first NetworkPolicy", &all.policies[0].Spec.PodSelector)
	ports := map[string]int32{}
	for _, p := range container.Ports {
		ports[p.Name] = p.ContainerPort
	}
	for _, s := range all.services {
		selects("Service "+s.Name, labels.SelectorFromSet(s.Spec.Selector))
		if target := s.Spec.Ports[0].TargetPort.StrVal; ports[target] == 0 {
			t.Errorf("Service %s: no port %q", s.Name, target)
		}
	}
	for name, probe := range map[string]*corev1.Probe{"startup": container.StartupProbe, "liveness": container.LivenessProbe, "readiness": container.ReadinessProbe} {
		if probe.HTTPGet.Port.StrVal != "admin" {
			t.Errorf("the %s probe is not at the admin port", name)
		}
	}
	for _, rule := range all.policies[0].Spec.Ingress {
		for _, p := range rule.Ports {
			if ports[p.Port.StrVal] == 0 {
				t.Errorf("NetworkPolicy: no port %v", p.Port)
			}
		}
	}
}

// The pods meet the level "restricted" of the Pod Security Standards, and write no files.
func TestPodSecurity(t *testing.T) {
	pod := read(t).workload.Spec.Template.Spec
	c := pod.Containers[0].SecurityContext
	isTrue := func(b *bool) bool { return b != nil && *b }
	isFalse := func(b *bool) bool { return b != nil && !*b }
	for name, ok := range map[string]bool{
		"runAsNonRoot":                 isTrue(pod.SecurityContext.RunAsNonRoot),
		"seccompProfile":               pod.SecurityContext.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault,
		"allowPrivilegeEscalation":     isFalse(c.AllowPrivilegeEscalation),
		"readOnlyRootFilesystem":       isTrue(c.ReadOnlyRootFilesystem),
		"capabilities":                 slices.Equal(c.Capabilities.Drop, []corev1.Capability{"ALL"}) && c.Capabilities.Add == nil,
		"automountServiceAccountToken": isFalse(pod.AutomountServiceAccountToken),
		"host namespaces":              !pod.HostNetwork && !pod.HostPID && !pod.HostIPC,
		"one container":                len(pod.Containers) == 1 && len(pod.InitContainers) == 0,
	} {
		if !ok {
			t.Errorf("%s is not as it must be", name)
		}
	}
	for _, mount := range pod.Containers[0].VolumeMounts {
		if !mount.ReadOnly {
			t.Errorf("volume %s can be written", mount.Name)
		}
	}
}

// The ConfigMap has the file that the container reads.
func TestConfigMap(t *testing.T) {
	all := read(t)
	container := all.workload.Spec.Template.Spec.Containers[0]
	if got := slices.Collect(maps.Keys(all.config.Data)); !slices.Equal(got, []string{"gate.yaml"}) || container.Args[2] != container.VolumeMounts[0].MountPath+"/gate.yaml" {
		t.Errorf("the ConfigMap has %q, and the arguments are %q", got, container.Args)
	}
}
