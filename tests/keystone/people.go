package keystone

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// Names of what is there from the start. Each of the two projects has the users "PROJECT-admin", "PROJECT-member" and
// "PROJECT-reader", whose only role there is the last word (as in every Keystone, admin implies member, and member reader).
const (
	Region   = "RegionOne"
	Red      = "red"      // a project
	Blue     = "blue"     // a project
	Services = "service"  // the project of the services
	Admin    = "admin"    // the first administrator: of a project of that name, of the domain and of the whole system
	Planck   = "planck"   // user with the role service: ourselves
	Nova     = "nova"     // user with the role service
	Stranger = "stranger" // user without any role
)

const domainName, domainID = "Default", "default"

// User is someone who can log in. They are all of the domain Default.
type User struct {
	Name     string
	ID       string
	Password string
	Project  string // name of the one where the user has a role; empty: nowhere
}

// User finds one of those that are there from the start.
func (s *Server) User(name string) User { return s.users[name] }

// ProjectID gives a project's.
func (s *Server) ProjectID(name string) string { return s.projects[name] }

// Env are the variables that OpenStack's clients, and planckd, log in with.
func (s *Server) Env(name string) []string {
	u := s.users[name]
	return []string{"OS_AUTH_URL=" + s.URL(), "OS_IDENTITY_API_VERSION=3", "OS_REGION_NAME=" + Region, "OS_USERNAME=" + u.Name,
		"OS_PASSWORD=" + u.Password, "OS_PROJECT_NAME=" + u.Project, "OS_USER_DOMAIN_NAME=" + domainName,
		"OS_PROJECT_DOMAIN_NAME=" + domainName}
}

// populate makes the projects, users and roles.
func (s *Server) populate(ctx context.Context) error {
	admin, err := s.Token(ctx, Admin)
	if err != nil {
		return err
	}
	for _, name := range []string{Red, Blue, Services} {
		id, err := s.create(ctx, admin, "project", object{"name": name, "domain_id": domainID})
		if err != nil {
			return err
		}
		s.projects[name] = id
	}
	service, err := s.create(ctx, admin, "role", object{"name": "service"})
	if err != nil {
		return err
	}
	roles := map[string]string{"service": service}
	var listed struct {
		Roles []struct{ ID, Name string }
		Users []struct{ ID string }
	}
	if err := s.call(ctx, http.MethodGet, "/roles", admin, nil, &listed); err != nil {
		return err
	}
	for _, r := range listed.Roles {
		roles[r.Name] = r.ID
	}
	if err := s.call(ctx, http.MethodGet, "/users?name="+Admin, admin, nil, &listed); err != nil {
		return err
	}
	if len(listed.Users) != 1 {
		return fmt.Errorf("keystone: %d users %s", len(listed.Users), Admin)
	}
	first := s.users[Admin]
	first.ID = listed.Users[0].ID
	s.users[Admin] = first
	if err := s.call(ctx, http.MethodPut, "/domains/"+domainID+"/users/"+first.ID+"/roles/"+roles["admin"], admin, nil, nil); err != nil {
		return err
	}
	type person struct{ project, role string }
	people := map[string]person{Planck: {Services, "service"}, Nova: {Services, "service"}, Stranger: {}}
	for _, project := range []string{Red, Blue} {
		for _, role := range []string{"admin", "member", "reader"} {
			people[project+"-"+role] = person{project, role}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(people)) {
		u := User{Name: name, Password: rand.Text(), Project: people[name].project}
		if u.ID, err = s.create(ctx, admin, "user", object{"name": name, "domain_id": domainID, "password": u.Password}); err != nil {
			return err
		}
		if u.Project != "" {
			path := fmt.Sprintf("/projects/%s/users/%s/roles/%s", s.projects[u.Project], u.ID, roles[people[name].role])
			if err := s.call(ctx, http.MethodPut, path, admin, nil, nil); err != nil {
				return err
			}
		}
		s.users[name] = u
	}
	return nil
}

// Offer puts a service into the catalog, where clients find its URL by its type, such as "network".
func (s *Server) Offer(ctx context.Context, serviceType, url string) error {
	admin, err := s.Token(ctx, Admin)
	if err != nil {
		return err
	}
	id, err := s.create(ctx, admin, "service", object{"type": serviceType, "name": serviceType})
	if err != nil {
		return err
	}
	_, err = s.create(ctx, admin, "endpoint", object{"service_id": id, "interface": "public", "region_id": Region, "url": url})
	return err
}

// create makes one object and gives its ID.
func (s *Server) create(ctx context.Context, token, kind string, o object) (string, error) {
	var answer map[string]struct{ ID string }
	err := s.call(ctx, http.MethodPost, "/"+kind+"s", token, object{kind: o}, &answer)
	return answer[kind].ID, err
}
