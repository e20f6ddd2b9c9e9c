package check

import (
	"bytes"
	"context"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/internal/strictjson"
	"github.com/warder-go/warder/metadata"
)

// checkMetadata compares the metadata at the public URL with that of this configuration.
func (p *public) checkMetadata(ctx context.Context, want metadata.Document) {
	response, err := p.get(ctx, p.metadata, http.Header{"Accept": {"application/json"}})
	if err != nil {
		p.addNetwork(p.metadata, err)
		return
	}
	shown := logging.RedactURL(p.metadata)
	if response.Status != http.StatusOK || !isMetadata(response.Body) {
		p.addNoMetadata(ctx, shown, response)
		return
	}
	expected, err := want.MarshalJSON()
	if err != nil {
		p.add(IDNotChecked, shown, err.Error(), "")
		return
	}
	if different := differences(expected, response.Body); len(different) > 0 {
		seen := "these members differ: " + some(different)
		if slices.Contains(different, "resource") {
			seen += "; resource is " + string(members(response.Body)["resource"])
		}
		p.add(IDPublicMetadataDiffers, shown, seen,
			"start the server with this configuration, or stop the proxy from changing the document; resource must be resource_server_url")
		return
	}
	if media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); media != "application/json" { // RFC 9728 §3.2
		p.add(IDPublicMetadataDiffers, shown, "the content type is "+strconv.Quote(media)+", want application/json", "stop the proxy from changing the document and its Content-Type")
		return
	}
	p.add(IDPublicMetadata, shown, "it is equal to that of this configuration", "")
}

// addNoMetadata adds the finding for a response that is not the metadata. If the metadata is below
// the beginning of the path, the proxy removes this beginning.
func (p *public) addNoMetadata(ctx context.Context, shown string, response *outbound.Response) {
	seen := response.Describe()
	if base := p.findBase(ctx); base != "" {
		p.add(IDPublicPath, p.url, shown+": "+seen+"; the metadata is below "+base, "set base_path to "+base+", or pass requests for "+pathOf(p.metadata)+" to the server")
		return
	}
	fix := "pass requests for " + pathOf(p.metadata) + " from the proxy to the server, or set base_path or resource_metadata_url"
	switch response.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		fix = "permit requests without a token for " + pathOf(p.metadata) + " at the proxy, and serve the metadata outside of nethttp.Middleware"
	case http.StatusOK:
		seen += ", not the metadata of a protected resource"
	}
	p.add(IDPublicMetadataWrong, shown, seen, fix)
}

// maxBases limits how many beginnings of the path are tried.
const maxBases = 3 // segments

// findBase returns the beginning of the path below which the metadata is, or "".
func (p *public) findBase(ctx context.Context) string {
	u, err := url.Parse(p.url)
	if err != nil || p.parts.Settings.BasePath != "" || p.parts.Settings.ResourceMetadataURL != "" {
		return ""
	}
	path := u.EscapedPath()
	base := ""
	for n, segment := range slices.Collect(strings.SplitSeq(strings.Trim(path, "/"), "/")) {
		if n == maxBases || segment == "" {
			break
		}
		base += "/" + segment
		for _, rest := range []string{strings.TrimPrefix(path, base), path} {
			inserted, err := metadata.WellKnownPath(originOf(p.url) + rest)
			if err != nil {
				continue
			}
			response, err := p.get(ctx, originOf(p.url)+base+inserted, nil)
			if err == nil && response.Status == http.StatusOK && isMetadata(response.Body) {
				return base
			}
		}
	}
	return ""
}

func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the metadata"
	}
	return u.EscapedPath()
}

var resourceNames = strictjson.NewNames("resource")

// isMetadata reports whether a body is the metadata of some protected resource.
func isMetadata(body []byte) bool {
	found := false
	err := strictjson.Object(body, resourceNames, func(_ string, value jsontext.Value) error {
		_, err := strictjson.String(value)
		found = err == nil
		return err
	})
	return err == nil && found
}

// relevant are the members on which clients depend. Others, which only the server has, can be those
// of its program.
var relevant = []string{"authorization_servers", "bearer_methods_supported", "scopes_supported", "tls_client_certificate_bound_access_tokens",
	"authorization_details_types_supported", "dpop_bound_access_tokens_required", "dpop_signing_alg_values_supported"}

// differences returns the members in which two objects differ. A client that ignores the case of names
// can read another spelling of a member.
func differences(want, got []byte) (names []string) {
	expected, found := members(want), members(got)
	for name, value := range expected {
		if !bytes.Equal(found[name], value) {
			names = append(names, name)
		}
	}
	depended := append(slices.Collect(maps.Keys(expected)), relevant...)
	for name := range found {
		if expected[name] == nil && slices.ContainsFunc(depended, func(d string) bool { return strings.EqualFold(d, name) }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// members returns the members of an object, each value in one form.
func members(object []byte) map[string][]byte {
	all := map[string][]byte{}
	_ = strictjson.Members(object, func(name string, value jsontext.Value) error {
		value = value.Clone()
		if err := value.Canonicalize(); err != nil {
			value = jsontext.Value(strconv.Quote(string(value)))
		}
		all[name] = value
		return nil
	})
	return all
}
