package store

import (
	"github.com/planck-sdn/planck/model"
)

// openNetwork makes the policies for everybody what the network says, where that differs from before.
func (t *tx) openNetwork(before, now *model.Network) error {
	for _, access := range []struct {
		action     string
		was, wants bool
	}{{model.AccessAsShared, before.Shared, now.Shared}, {model.AccessAsExternal, before.External, now.External}} {
		var err error
		switch {
		case access.wants && !access.was:
			err = t.Exec("INSERT INTO rbac_policies (id, project_id, object_type, object_id, action, target_project, revision_number, created_at, updated_at) "+
				"VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?) ON CONFLICT DO NOTHING",
				t.store.options.Source.UUID(), now.ProjectID, model.RBACObjectNetwork, now.ID, access.action, model.EveryProject, t.now, t.now).Error
		case access.was && !access.wants:
			err = t.closeNetwork(now, access.action)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// closeNetwork takes back what everybody may, unless somebody needs it.
func (t *tx) closeNetwork(n *model.Network, action string) error {
	if action == model.AccessAsShared {
		foreign, err := t.exists("SELECT 1 FROM ports WHERE network_id = ? AND project_id <> ? AND device_owner <> ?",
			n.ID, n.ProjectID, model.DeviceOwnerDHCP)
		if err != nil {
			return err
		}
		if foreign {
			return conflict("InvalidSharedSetting",
				"Unable to reconfigure sharing settings for network %s. Multiple tenants are using it.", n.Name)
		}
	}
	return t.Exec("DELETE FROM rbac_policies WHERE object_id = ? AND action = ? AND target_project = ?", n.ID, action, model.EveryProject).Error
}
