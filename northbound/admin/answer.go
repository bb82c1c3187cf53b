package admin

import (
	"net/http"
	"reflect"
	"strings"

	"github.com/gin-gonic/gin"
)

// answer writes what was asked for. A list in it that is nil is an empty one in JSON, and so is a map: no client has to expect null.
func answer[T any](c *gin.Context, v T) {
	fill(reflect.ValueOf(&v).Elem())
	c.PureJSON(http.StatusOK, v)
}

// answerList writes an object with one list.
func answerList[T any](c *gin.Context, name string, list []T) {
	fill(reflect.ValueOf(&list).Elem())
	c.PureJSON(http.StatusOK, gin.H{name: list})
}

// fill makes lists and maps that are nil empty ones, but for those that JSON leaves out.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem())
		}
	case reflect.Map:
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
	case reflect.Slice:
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		if k := v.Type().Elem().Kind(); k == reflect.Struct || k == reflect.Slice || k == reflect.Pointer {
			for i := range v.Len() {
				fill(v.Index(i))
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f, t := v.Field(i), v.Type().Field(i)
			if t.IsExported() && (!f.IsZero() || !strings.HasSuffix(t.Tag.Get("json"), ",omitempty")) {
				fill(f)
			}
		}
	}
}
