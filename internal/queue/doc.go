// Package queue is River: which jobs exist, what each wakes, how many run at once. A job carries ids only and
// may run twice; the domain's rows are the truth. It knows neither gorm nor the store: rows and jobs share a
// transaction because app hands the store's open transaction to Insert.
package queue
