package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/northbound/admin"
	"github.com/planck-sdn/planck/tests/lab"
)

// besieged is a cloud in service, to which strangers do what they like.
type besieged struct {
	*Cloud
	t       *testing.T
	node    *lab.Node
	a, b    *VM // on the node; a pings b all the time
	third   *VM
	ping    *lab.Pinger
	network Network
	session uint64 // flow-mods of the node's OpenFlow session, which has sent the node's set-up
	memory  int64  // before the siege
}

// maxGrowth is by how many bytes planckd's memory may grow during a siege: 256 OpenFlow handshakes that hold a message of
// 64 KiB each are 16 MiB, 2,000 connections with their goroutines and buffers twice as much, and Go doubles that
// before it collects.
const maxGrowth = 128 << 20

// TestHostilePeers: whatever strangers send to planckd's listeners, those in service notice nothing.
func TestHostilePeers(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{})
	s := &besieged{Cloud: c, t: t, node: c.AddNode("compute1")}
	s.a, s.b, s.ping = c.pair(s.node, s.node)
	s.network = c.Network(s.a.Port.NetworkID)
	s.third = c.Boot(s.node, c.CreatePort(s.network, "third", nil))
	s.session = s.flowMods()
	s.memory = s.resident()

	t.Run("garbage", s.garbage)
	t.Run("half messages", s.halfMessages)
	t.Run("largest messages", s.largestMessages)
	t.Run("idle connections", s.idle)
	t.Run("datapath id of a node in service", s.claimDatapath)
	t.Run("name of a node in service", s.claimName)
	t.Run("requests", s.requests)

	lostNothing(t, s.ping)
}

// flowMods tells one OpenFlow session of the node from the next, whose count begins at zero: then there is nothing to send.
func (s *besieged) flowMods() uint64 {
	s.t.Helper()
	n, err := s.NodeStatus(s.node.Name)
	if err != nil || n.State != "ready" || n.Counters.FlowMods == 0 {
		s.t.Fatalf("the node in service: %+v, %v", n, err)
	}
	return n.Counters.FlowMods
}

// resident is planckd's resident memory in bytes.
func (s *besieged) resident() int64 {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Planckd.Process().PID()))
	if err != nil {
		s.t.Fatal(err)
	}
	var kibibytes int64
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	if _, err := fmt.Sscan(rest, &kibibytes); err != nil {
		s.t.Fatal(err)
	}
	return kibibytes << 10
}

// unharmed checks that everything works, the sessions in service are those from before, and planckd has not grown.
func (s *besieged) unharmed(t *testing.T) {
	t.Helper()
	if _, err := s.third.Renew(limit); err != nil {
		t.Error(err)
	}
	port := s.CreatePort(s.network, "late", nil)
	late := s.Boot(s.node, port)
	s.a.MustReach(late.IP)
	late.Close()
	s.DeletePort(port.ID)
	s.WaitConverged()
	s.Answered(s.ping, 10, "pings")
	if now := s.flowMods(); now < s.session {
		t.Errorf("the node has a new OpenFlow session: %d flow-mods, there were %d", now, s.session)
	} else {
		s.session = now
	}
	now := s.resident()
	t.Logf("resident memory of planckd: %d MiB, it was %d MiB", now>>20, s.memory>>20)
	if now > s.memory+maxGrowth {
		t.Errorf("it grew by more than %d MiB", maxGrowth>>20)
	}
	for line := range strings.Lines(s.Planckd.Process().Output()) {
		if strings.Contains(line, "panic") || strings.Contains(line, "OVSDB session ended") && strings.Contains(line, s.node.SystemID()) {
			t.Errorf("planckd says: %s", line)
		}
	}
}

// listeners are those for switches and nodes.
func (s *besieged) listeners() []string {
	host := s.Lab.ControllerIP().String()
	return []string{net.JoinHostPort(host, fmt.Sprint(lab.OpenFlowPort)), net.JoinHostPort(host, fmt.Sprint(lab.OVSDBPort))}
}

// connect opens many connections to a listener, sends each what say returns for it, and leaves them open until the test ends.
func (s *besieged) connect(t *testing.T, address string, count int, say func(i int) []byte) {
	t.Helper()
	for i := range count {
		conn, err := s.Lab.DialController(context.Background(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if text := say(i); len(text) > 0 {
			_, _ = conn.Write(text) // planckd may have had enough of it already
		}
	}
}

func (s *besieged) garbage(t *testing.T) {
	source := rand.NewChaCha8([32]byte{1})
	for _, address := range s.listeners() {
		s.connect(t, address, 100, func(int) []byte {
			noise := make([]byte, 4096)
			_, _ = source.Read(noise) // never fails
			return noise
		})
	}
	s.unharmed(t)
}

// Messages as a switch sends them.
var (
	hello    = openFlow(0, nil)
	features = openFlow(6, make([]byte, 24))
)

// openFlow is an OpenFlow 1.3 message.
func openFlow(kind byte, body []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{4, kind}, uint16(8+len(body)))
	return append(append(b, 0, 0, 0, 1), body...)
}

func (s *besieged) halfMessages(t *testing.T) {
	openFlow, ovsdb := s.listeners()[0], s.listeners()[1]
	for _, whole := range [][]byte{hello, append(slices.Clone(hello), features...)} {
		s.connect(t, openFlow, len(whole), func(i int) []byte { return whole[:i] })
	}
	request := []byte(`{"id":"echo","method":"echo","params":["\u00e4",{"a":[1,2.5e3,null]}]}`)
	s.connect(t, ovsdb, len(request), func(i int) []byte { return request[:i] })
	s.unharmed(t)
}

func (s *besieged) largestMessages(t *testing.T) {
	const most = 1<<16 - 1 - 8
	s.connect(t, s.listeners()[0], 300, func(i int) []byte {
		switch whole := openFlow(byte(i%30), make([]byte, most)); {
		case i%3 == 0:
			return append(slices.Clone(hello), whole...)
		case i%3 == 1:
			return whole[:len(whole)-1]
		default:
			return whole
		}
	})
	s.connect(t, s.listeners()[1], 300, func(i int) []byte {
		switch text := strings.Repeat("[", most); i % 3 {
		case 0:
			return []byte(text)
		case 1:
			return []byte(`{"id":null,"method":"update2","params":["` + text + `",{}]}`)
		default:
			return []byte(`{"id":0,"error":null,"result":{"Open_vSwitch":{"` + text)
		}
	})
	s.unharmed(t)
}

func (s *besieged) idle(t *testing.T) {
	for _, address := range s.listeners() {
		s.connect(t, address, 1000, func(int) []byte { return nil })
	}
	s.unharmed(t)
	// Nor do they keep a node from attaching.
	s.AddNode("compute2")
}

// claimDatapath has a switch on the node itself, and one elsewhere, say that they are the node's.
func (s *besieged) claimDatapath(t *testing.T) {
	n, err := s.NodeStatus(s.node.Name)
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []struct {
		node *lab.Node
		why  string
	}{
		{s.node, "node compute1 has a session that answers"},
		{s.Lab.AddNode("elsewhere", lab.NodeOptions{}), "is that of node compute1, but 198.18.0."},
	} {
		if _, err := from.node.Vsctl("add-br", "br-evil", "--", "set", "Bridge", "br-evil", "datapath_type=netdev", "protocols=OpenFlow13",
			"other_config:datapath-id="+n.DatapathID, "--", "set-controller", "br-evil", "tcp:"+s.listeners()[0]); err != nil {
			t.Fatal(err)
		}
		lab.Eventually(t, limit, "the claim is refused", func() error {
			if !strings.Contains(s.Planckd.Process().Output(), from.why) {
				return fmt.Errorf("the log has no %q", from.why)
			}
			return nil
		})
		s.unharmed(t)
		if _, err := from.node.Vsctl("del-br", "br-evil"); err != nil {
			t.Fatal(err)
		}
	}
}

// claimName has a node attach under the system-id or the hostname of one in service.
func (s *besieged) claimName(t *testing.T) {
	impostor := s.Lab.AddNode("impostor", lab.NodeOptions{})
	for _, claim := range []struct {
		settings []string
		why      string
	}{
		{[]string{"system-id=" + s.node.SystemID(), "hostname=compute1"}, "has a session from"}, // to have the node detached
		{[]string{"system-id=" + impostor.SystemID(), "planck-encap-ip=" + impostor.EncapIP.String()}, "hostname compute1 is pinned"},
		{[]string{"system-id=" + s.node.SystemID(), "planck-encap-ip=" + s.node.EncapIP.String()}, "has a session from"},
	} {
		args := []string{"set", "Open_vSwitch", ".", "external_ids:planck-datapath-type=netdev"}
		for _, setting := range claim.settings {
			args = append(args, "external_ids:"+setting)
		}
		if _, err := impostor.Vsctl(append(args, "--", "set-manager", s.ControllerTarget())...); err != nil {
			t.Fatal(err)
		}
		lab.Eventually(t, limit, "the claim is refused", func() error {
			for _, n := range s.Nodes() {
				if n.State == "refused" && strings.Contains(n.Problem, claim.why) {
					return nil
				}
			}
			return fmt.Errorf("no node is refused because of %q", claim.why)
		})
		s.unharmed(t)
		if n, err := s.NodeStatus("compute1"); err != nil || n.SystemID != s.node.SystemID() || !n.OVSDBConnected {
			t.Errorf("the node in service: %+v, %v", n, err)
		}
		hasNothing(t, impostor)
	}
}

// requests are what the API refuses, each as Neutron does.
func (s *besieged) requests(t *testing.T) {
	for _, body := range []string{`{`, `[]`, `"network"`, `{"network": []}`, `{"network": {"name": "a"}} {}`, `{"network": {"name": "` + "\xff\x00" + `"}}`,
		`{"networks": [` + strings.Repeat(`[`, 5000), strings.Repeat(`{"network":`, 20000)} {
		a, err := s.Try(http.MethodPost, "/v2.0/networks", body)
		if err != nil || a.Status != http.StatusBadRequest || a.ErrorType == "" {
			t.Errorf("body %.40q: status %d, %s, %v", body, a.Status, a.Body, err)
		}
	}
	huge := bytes.Repeat([]byte(" "), 8<<20)
	if a, err := s.Try(http.MethodPost, "/v2.0/networks", huge); err != nil || a.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("body of %d bytes: status %d, %v", len(huge), a.Status, err)
	}
	for _, path := range []string{"/v2.0/networks/../../etc/passwd", "/v2.0/ports?limit=-1", admin.Prefix + "/nodes/" + strings.Repeat("x", 10000), "/v2.0/%00"} {
		if a, err := s.Try(http.MethodGet, path, nil); err == nil && (a.Status < 400 || a.Status >= 500) {
			t.Errorf("GET %.40s: status %d", path, a.Status)
		}
	}
	s.unharmed(t)
}
