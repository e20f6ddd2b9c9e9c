package jose

var (
	AlgorithmNames = algorithmNames
	ParseAlgorithm = parseAlgorithm
)
