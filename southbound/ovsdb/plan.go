package ovsdb

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	libovsdb "github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// plan makes one transaction of all that is between the replica and the set-up wanted. Without a difference it has no
// operations. reached is the address and port at which the node reached us.
func (r *replica) plan(d Desired, reached string) ([]libovsdb.Operation, error) {
	if err := d.validate(); err != nil {
		return nil, err
	}
	rootID, root := r.root()
	if err := checkCloud(root, d.Cloud); err != nil {
		return nil, err
	}
	bridgeID, bridge := r.bridge(IntegrationBridge)
	ids := root[rootExternalIDs].pairs
	if bridge != nil && ownership(bridge) == Foreign && ids[keyAdopt] != "true" {
		return nil, fmt.Errorf("%w: %s; set external_ids:%s=true to hand it over", ErrForeignBridge, IntegrationBridge, keyAdopt)
	}
	settings := d.bridgeSettings(bridge)
	if err := r.checkMappings(d.Mappings, settings[bridgeDatapathType].first()); err != nil {
		return nil, err
	}

	var t txn
	t.require(tableRoot, rootID, root, rootExternalIDs) // cloud and adoption are as they were when we decided
	t.change(tableRoot, rootID, root, changes{rootExternalIDs: mapping(with(ids, map[string]string{keyCloud: d.Cloud}))})
	settings[bridgeController] = r.planControllers(&t, bridge, d.Controllers)
	r.planManagers(&t, reached)
	added, err := r.planPorts(&t, d)
	if err != nil {
		return nil, err
	}
	if bridge == nil {
		t.insertBridge(rootID, settings, added[IntegrationBridge])
		delete(added, IntegrationBridge)
	} else {
		t.change(tableBridge, bridgeID, bridge, settings)
	}
	for _, name := range slices.Sorted(maps.Keys(added)) {
		id, _ := r.bridge(name)
		t.add(tableBridge, id, bridgePorts, added[name]...)
	}
	return t.finish("planck: set up node"), nil
}

// planRemoval makes one transaction that takes away what plan made.
func (r *replica) planRemoval(cloud string) ([]libovsdb.Operation, error) {
	rootID, root := r.root()
	if err := checkCloud(root, cloud); err != nil {
		return nil, err
	}
	var t txn
	t.require(tableRoot, rootID, root, rootExternalIDs)
	t.change(tableRoot, rootID, root, changes{rootExternalIDs: mapping(without(root[rootExternalIDs].pairs, keyCloud))})
	bridgeID, bridge := r.bridge(IntegrationBridge)
	made := bridge != nil && ownership(bridge) == Made
	for _, p := range r.portsByName(nil) {
		if !made || p.bridgeID != bridgeID { // else it goes with its bridge
			t.remove(tableBridge, p.bridgeID, bridgePorts, p.id)
		}
	}
	switch {
	case made:
		t.require(tableBridge, bridgeID, bridge, bridgeExternalIDs)
		t.remove(tableRoot, rootID, rootBridges, bridgeID)
	case bridge != nil && ownership(bridge) == Adopted:
		t.change(tableBridge, bridgeID, bridge, changes{
			bridgeController:  datum{},
			bridgeOtherConfig: mapping(without(bridge[bridgeOtherConfig].pairs, keyDatapathID, keyDisableInBand)),
			bridgeExternalIDs: mapping(without(bridge[bridgeExternalIDs].pairs, keyMark)),
		})
	}
	return t.finish("planck: detach node"), nil
}

func checkCloud(root row, cloud string) error {
	if root == nil {
		return errors.New("ovsdb: the database has no row in table " + tableRoot)
	}
	if other := root[rootExternalIDs].pairs[keyCloud]; other != "" && other != cloud {
		return fmt.Errorf("%w: %.64q, ours is %q", ErrForeignCloud, other, cloud)
	}
	return nil
}

// checkMappings refuses what would make a patch that carries nothing, or one into the integration bridge itself.
func (r *replica) checkMappings(mappings map[string]string, datapathType string) error {
	for _, physnet := range slices.Sorted(maps.Keys(mappings)) {
		name := mappings[physnet]
		if name == IntegrationBridge {
			return fmt.Errorf("%w: %.64q to %s itself", ErrMapping, physnet, name)
		}
		_, bridge := r.bridge(name)
		if bridge == nil {
			return fmt.Errorf("%w: %.64q to %.64q: there is no such bridge", ErrMapping, physnet, name)
		}
		if other := bridge[bridgeDatapathType].first(); datapath(other) != datapath(datapathType) {
			return fmt.Errorf("%w: %.64q to %.64q: datapath type %s, that of %s is %s", ErrMapping, physnet, name,
				datapath(other), IntegrationBridge, datapath(datapathType))
		}
	}
	return nil
}

func datapath(kind string) string {
	if kind == "" {
		return "system"
	}
	return kind
}

// planControllers returns the references of the bridge's controllers: rows that are right already, and new ones.
func (r *replica) planControllers(t *txn, bridge row, targets []string) datum {
	kept := map[string]string{}
	if bridge != nil {
		for _, id := range bridge[bridgeController].atoms {
			if c := r.tables[tableController][id]; c != nil && c.has(controllerSettings(c[controllerTarget].first())) {
				kept[c[controllerTarget].first()] = id
			}
		}
	}
	var refs []string
	for _, target := range slices.Compact(slices.Sorted(slices.Values(targets))) {
		id, ok := kept[target]
		if !ok {
			id = t.insert(tableController, controllerSettings(target))
		}
		refs = append(refs, id)
	}
	return several(refs...)
}

// planManagers makes the connection over which the node reached us come back soon, unless an operator has said how soon. One that
// is configured by a name stays as it is.
func (r *replica) planManagers(t *txn, reached string) {
	for id, m := range r.tables[tableManager] {
		_, address, _ := strings.Cut(m[managerTarget].first(), ":") // tcp:10.0.0.1:6640
		if address == reached && m[managerMaxBackoff].first() == "" {
			t.change(tableManager, id, m, changes{managerMaxBackoff: one(maxBackoff)})
		}
	}
}

func (r row) has(ch changes) bool {
	for i, d := range ch {
		if !r[i].equal(d) {
			return false
		}
	}
	return true
}

// placedPort is a port with the bridge that it is on.
type placedPort struct {
	id, bridgeID string
	row          row
}

func (p placedPort) marked() bool {
	mark := p.row[portExternalIDs].pairs[keyMark]
	return mark == markTunnel || mark == markPatch
}

// portsByName finds the ports that bear Planck's mark or one of the wanted names.
func (r *replica) portsByName(wanted []wantedPort) map[string]placedPort {
	names := make(map[string]bool, len(wanted))
	for _, w := range wanted {
		names[w.name] = true
	}
	found := map[string]placedPort{}
	for bridgeID, bridge := range r.tables[tableBridge] {
		for _, id := range bridge[bridgePorts].atoms {
			if port := r.tables[tablePort][id]; port != nil {
				p := placedPort{id, bridgeID, port}
				if name := port[portName].first(); names[name] || p.marked() {
					found[name] = p
				}
			}
		}
	}
	return found
}

// planPorts repairs and removes ports, and returns the new ones by the bridge to which they are to be added.
func (r *replica) planPorts(t *txn, d Desired) (added map[string][]string, err error) {
	wanted, err := d.ports()
	if err != nil {
		return nil, err
	}
	added = map[string][]string{}
	found := r.portsByName(wanted)
	for _, w := range wanted {
		p, exists := found[w.name]
		delete(found, w.name)
		if exists {
			repaired, err := r.repairPort(t, p, w)
			if err != nil {
				return nil, err
			}
			if repaired {
				continue
			}
			t.remove(tableBridge, p.bridgeID, bridgePorts, p.id)
		}
		added[w.bridge] = append(added[w.bridge], t.insertPort(w))
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		t.remove(tableBridge, found[name].bridgeID, bridgePorts, found[name].id)
	}
	return added, nil
}

// repairPort makes the port as wanted, or reports that it has to be made anew.
func (r *replica) repairPort(t *txn, p placedPort, w wantedPort) (bool, error) {
	bridge := r.tables[tableBridge][p.bridgeID]
	var iface row
	ids := p.row[portInterfaces].atoms
	if len(ids) == 1 {
		iface = r.tables[tableInterface][ids[0]]
	}
	settings := changes{interfaceType: one(w.kind), interfaceOptions: mapping(w.options)}
	if !p.marked() && (iface == nil || !iface.has(settings)) {
		return false, fmt.Errorf("%w: %s on bridge %.64q", ErrForeignPort, w.name, bridge[bridgeName].first())
	}
	if bridge[bridgeName].first() != w.bridge || iface == nil || iface[interfaceName].first() != w.name {
		return false, nil
	}
	t.change(tableInterface, ids[0], iface, settings)
	t.change(tablePort, p.id, p.row, changes{portExternalIDs: mapping(with(p.row[portExternalIDs].pairs, w.externalIDs))})
	return true, nil
}

// insertPort adds a port that is not on any bridge yet, and returns its reference.
func (t *txn) insertPort(w wantedPort) string {
	iface := t.insert(tableInterface, changes{
		interfaceName:    one(w.name),
		interfaceType:    one(w.kind),
		interfaceOptions: mapping(w.options),
	})
	return t.insert(tablePort, changes{
		portName:        one(w.name),
		portInterfaces:  one(iface),
		portExternalIDs: mapping(w.externalIDs),
	})
}

// insertBridge adds the integration bridge, with the local port that every bridge has and the ports given.
func (t *txn) insertBridge(rootID string, settings changes, ports []string) {
	local := t.insertPort(wantedPort{name: IntegrationBridge, kind: "internal"})
	settings[bridgeName] = one(IntegrationBridge)
	settings[bridgePorts] = several(append(ports, local)...)
	t.add(tableRoot, rootID, rootBridges, t.insert(tableBridge, settings))
}
