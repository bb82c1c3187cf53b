package gateways

import (
	"fmt"
	"testing"
	"time"

	"github.com/planck-sdn/planck/model"
)

// fabric gives a world a physical switch with an uplink to each of the first hanging nodes, a router with an interface on a network of its, and a server.
func (w *world) fabric(hanging int) {
	tor := &model.Node{Number: 50, Hostname: "tor", DatapathID: 0xa, SystemID: model.SwitchSystemID(0xa), Switch: &model.Switch{PhysicalNetwork: "public", Driver: "generic"}}
	for i := range 8 {
		tor.Switch.Ports = append(tor.Switch.Ports, model.SwitchPort{Number: uint32(i + 1), Name: fmt.Sprint("eth", i+1), Up: true})
	}
	for i := range hanging {
		tor.Switch.Uplinks = append(tor.Switch.Uplinks, model.Uplink{Port: fmt.Sprint(i + 1), Hostname: fmt.Sprint("n", i+1)})
	}
	metal := &model.Port{Number: 20, ID: "metal", NetworkID: "net", AdminStateUp: true}
	metal.VNICType, metal.VIFType = model.VNICTypeBareMetal, model.VIFTypeOther
	metal.Profile = map[string]any{"local_link_information": []any{map[string]any{"switch_id": "000000000000000a", "port_id": "8"}}}
	w.put(tor,
		&model.Network{Number: 2, ID: "net", AdminStateUp: true, NetworkType: model.NetworkVLAN, PhysicalNetwork: "public", SegmentationID: 101, Key: 8},
		&model.Router{Number: 70, ID: "inside", AdminStateUp: true, Key: 170},
		&model.Port{Number: 21, ID: "interface", NetworkID: "net", AdminStateUp: true, DeviceOwner: model.DeviceOwnerRouterInterface, DeviceID: "inside"},
		metal)
}

func (w *world) put(objects ...model.Object) {
	var changes []model.Change
	for _, o := range objects {
		changes = append(changes, model.Change{Ref: o.Ref(), Object: o})
	}
	version := w.view.Version
	w.view, _ = w.view.Apply(changes)
	w.view.Version = version + 1
}

func (w *world) serves() model.Number { return w.view.ServiceNode(21) }

// TestService: bare metal is routed for by a node that hangs on its fabric, which is another one when that one is dead, or hangs there no more.
func TestService(t *testing.T) {
	w := newWorld(t, 3, 0)
	w.after(2 * goneAfter)
	w.fabric(2)
	w.after(2 * time.Second)
	first := w.serves()
	if first != 1 && first != 2 {
		t.Fatalf("served by node %d", first)
	}
	w.after(10 * time.Second)
	if w.serves() != first {
		t.Fatal("moved without a reason")
	}
	w.die(first)
	took := w.after(10 * time.Second)
	if other := 3 - first; w.serves() != other {
		t.Fatalf("served by node %d, and %d is dead", w.serves(), first)
	}
	if took > 5*time.Second {
		t.Errorf("moved after %v", took)
	}

	second := w.serves()
	tor := *w.view.Node(50)
	s := *tor.Switch
	s.Uplinks = []model.Uplink{{Port: "7", Hostname: "n3"}}
	tor.Switch = &s
	w.put(&tor)
	w.after(3 * time.Second)
	if w.serves() != 3 {
		t.Errorf("served by node %d, where only 3 hangs on the fabric and %d did", w.serves(), second)
	}
	s.Uplinks = nil
	w.put(&tor)
	w.after(3 * time.Second)
	if w.serves() != 3 {
		t.Errorf("without another node it is left to %d", w.serves())
	}
}

// TestServiceOfNobody: a network without bare metal, or a fabric without nodes, has none.
func TestServiceOfNobody(t *testing.T) {
	w := newWorld(t, 2, 0)
	w.after(2 * goneAfter)
	w.fabric(0)
	w.after(5 * time.Second)
	if w.view.ServiceOf(21) != nil {
		t.Error("a node serves that hangs nowhere")
	}
	w = newWorld(t, 2, 0)
	w.after(2 * goneAfter)
	w.fabric(2)
	w.view, _ = w.view.Apply([]model.Change{{Ref: model.Ref{Kind: model.KindPort, Number: 20}}})
	w.after(5 * time.Second)
	if w.view.ServiceOf(21) != nil {
		t.Error("a service without bare metal")
	}
}
