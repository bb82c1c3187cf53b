package api

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// serveVersions lists the versions of the API: one.
func serveVersions(g *gin.Context) {
	g.JSON(http.StatusOK, gin.H{"versions": []gin.H{{
		"id":     "v2.0",
		"status": "CURRENT",
		"links":  selfLink(g, ""),
	}}})
}

// entry is a resource as the index names it.
type entry struct{ name, collection, path string }

// serveIndex lists the resources of the version.
func serveIndex(routes gin.IRoutes, entries ...entry) {
	routes.GET("", func(g *gin.Context) {
		resources := make([]gin.H, len(entries))
		for i, e := range entries {
			resources[i] = gin.H{"name": e.name, "collection": e.collection, "links": selfLink(g, e.path)}
		}
		g.JSON(http.StatusOK, gin.H{"resources": resources})
	})
}

func selfLink(g *gin.Context, path string) []gin.H {
	return []gin.H{{"rel": "self", "href": baseURL(g.Request) + "/v2.0/" + path}}
}
