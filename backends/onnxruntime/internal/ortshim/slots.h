// The functions of ONNX Runtime's OrtApi that are called here: the position in
// the table, the result, the name and the parameters of each. The table is part
// of ONNX Runtime's stable ABI: it only grows. TestSlotsMatchTheBindingsHeader
// compares every line with the header that the Go binding carries.
//
// X(slot, result, name, parameters)
#define ORT_SLOTS(X) \
  X(0, OrtStatus *, CreateStatus, (OrtErrorCode, const char *)) \
  X(1, OrtErrorCode, GetErrorCode, (const OrtStatus *)) \
  X(2, const char *, GetErrorMessage, (const OrtStatus *)) \
  X(7, OrtStatus *, CreateSession, (const OrtEnv *, const char *, const OrtSessionOptions *, OrtSession **)) \
  X(8, OrtStatus *, CreateSessionFromArray, (const OrtEnv *, const void *, size_t, const OrtSessionOptions *, OrtSession **)) \
  X(9, OrtStatus *, Run, (OrtSession *, const OrtRunOptions *, const char *const *, const OrtValue *const *, size_t, const char *const *, size_t, OrtValue **)) \
  X(30, OrtStatus *, SessionGetInputCount, (const OrtSession *, size_t *)) \
  X(31, OrtStatus *, SessionGetOutputCount, (const OrtSession *, size_t *)) \
  X(32, OrtStatus *, SessionGetOverridableInitializerCount, (const OrtSession *, size_t *)) \
  X(33, OrtStatus *, SessionGetInputTypeInfo, (const OrtSession *, size_t, OrtTypeInfo **)) \
  X(34, OrtStatus *, SessionGetOutputTypeInfo, (const OrtSession *, size_t, OrtTypeInfo **)) \
  X(35, OrtStatus *, SessionGetOverridableInitializerTypeInfo, (const OrtSession *, size_t, OrtTypeInfo **)) \
  X(36, OrtStatus *, SessionGetInputName, (const OrtSession *, size_t, OrtAllocator *, char **)) \
  X(37, OrtStatus *, SessionGetOutputName, (const OrtSession *, size_t, OrtAllocator *, char **)) \
  X(38, OrtStatus *, SessionGetOverridableInitializerName, (const OrtSession *, size_t, OrtAllocator *, char **)) \
  X(39, OrtStatus *, CreateRunOptions, (OrtRunOptions **)) \
  X(46, OrtStatus *, RunOptionsSetTerminate, (OrtRunOptions *)) \
  X(47, OrtStatus *, RunOptionsUnsetTerminate, (OrtRunOptions *)) \
  X(48, OrtStatus *, CreateTensorAsOrtValue, (OrtAllocator *, const int64_t *, size_t, ONNXTensorElementDataType, OrtValue **)) \
  X(49, OrtStatus *, CreateTensorWithDataAsOrtValue, (const OrtMemoryInfo *, void *, size_t, const int64_t *, size_t, ONNXTensorElementDataType, OrtValue **)) \
  X(51, OrtStatus *, GetTensorMutableData, (OrtValue *, void **)) \
  X(53, OrtStatus *, GetStringTensorDataLength, (const OrtValue *, size_t *)) \
  X(54, OrtStatus *, GetStringTensorContent, (const OrtValue *, void *, size_t, size_t *, size_t)) \
  X(55, OrtStatus *, CastTypeInfoToTensorInfo, (const OrtTypeInfo *, const OrtTensorTypeAndShapeInfo **)) \
  X(56, OrtStatus *, GetOnnxTypeFromTypeInfo, (const OrtTypeInfo *, enum ONNXType *)) \
  X(60, OrtStatus *, GetTensorElementType, (const OrtTensorTypeAndShapeInfo *, enum ONNXTensorElementDataType *)) \
  X(61, OrtStatus *, GetDimensionsCount, (const OrtTensorTypeAndShapeInfo *, size_t *)) \
  X(62, OrtStatus *, GetDimensions, (const OrtTensorTypeAndShapeInfo *, int64_t *, size_t)) \
  X(67, OrtStatus *, GetValueType, (const OrtValue *, enum ONNXType *)) \
  X(69, OrtStatus *, CreateCpuMemoryInfo, (enum OrtAllocatorType, enum OrtMemType, OrtMemoryInfo **)) \
  X(76, OrtStatus *, AllocatorFree, (OrtAllocator *, void *)) \
  X(78, OrtStatus *, GetAllocatorWithDefaultOptions, (OrtAllocator **)) \
  X(80, OrtStatus *, GetValue, (const OrtValue *, int, OrtAllocator *, OrtValue **)) \
  X(81, OrtStatus *, GetValueCount, (const OrtValue *, size_t *)) \
  X(82, OrtStatus *, CreateValue, (const OrtValue *const *, size_t, enum ONNXType, OrtValue **)) \
  X(93, void, ReleaseStatus, (OrtStatus *)) \
  X(95, void, ReleaseSession, (OrtSession *)) \
  X(96, void, ReleaseValue, (OrtValue *)) \
  X(97, void, ReleaseRunOptions, (OrtRunOptions *)) \
  X(98, void, ReleaseTypeInfo, (OrtTypeInfo *)) \
  X(103, OrtStatus *, CastTypeInfoToMapTypeInfo, (const OrtTypeInfo *, const OrtMapTypeInfo **)) \
  X(104, OrtStatus *, CastTypeInfoToSequenceTypeInfo, (const OrtTypeInfo *, const OrtSequenceTypeInfo **)) \
  X(105, OrtStatus *, GetMapKeyType, (const OrtMapTypeInfo *, enum ONNXTensorElementDataType *)) \
  X(106, OrtStatus *, GetMapValueType, (const OrtMapTypeInfo *, OrtTypeInfo **)) \
  X(107, OrtStatus *, GetSequenceElementType, (const OrtSequenceTypeInfo *, OrtTypeInfo **)) \
  X(120, OrtStatus *, DisablePerSessionThreads, (OrtSessionOptions *)) \
  X(121, OrtStatus *, CreateThreadingOptions, (OrtThreadingOptions **)) \
  X(122, void, ReleaseThreadingOptions, (OrtThreadingOptions *)) \
  X(125, OrtStatus *, GetAvailableProviders, (char ***, int *)) \
  X(126, OrtStatus *, ReleaseAvailableProviders, (char **, int)) \
  X(147, OrtStatus *, SetGlobalIntraOpNumThreads, (OrtThreadingOptions *, int)) \
  X(148, OrtStatus *, SetGlobalInterOpNumThreads, (OrtThreadingOptions *, int)) \
  X(149, OrtStatus *, SetGlobalSpinControl, (OrtThreadingOptions *, int)) \
  X(151, OrtStatus *, CreateEnvWithCustomLoggerAndGlobalThreadPools, (OrtLoggingFunction, void *, OrtLoggingLevel, const char *, const OrtThreadingOptions *, OrtEnv **)) \
  X(192, OrtStatus *, HasValue, (const OrtValue *, int *)) \
  X(237, OrtStatus *, HasSessionConfigEntry, (const OrtSessionOptions *, const char *, int *)) \
  X(250, OrtStatus *, CastTypeInfoToOptionalTypeInfo, (const OrtTypeInfo *, const OrtOptionalTypeInfo **)) \
  X(251, OrtStatus *, GetOptionalContainedTypeInfo, (const OrtOptionalTypeInfo *, OrtTypeInfo **)) \
  X(252, OrtStatus *, GetResizedStringTensorElementBuffer, (OrtValue *, size_t, size_t, char **)) \
  X(293, OrtStatus *, SessionOptionsSetLoadCancellationFlag, (OrtSessionOptions *, bool)) \
  X(318, OrtStatus *, GetTensorSizeInBytes, (const OrtValue *, size_t *)) \
  X(390, bool, TensorTypeAndShape_HasShape, (const OrtTensorTypeAndShapeInfo *)) \
  X(414, OrtStatus *, GetTensorElementTypeAndShapeDataReference, (const OrtValue *, ONNXTensorElementDataType *, const int64_t **, size_t *))
