/// Cross-correlations by patches: the windows of an image become the columns of a matrix, and a matrix product does the
/// rest.
namespace Rl.Core.Kernels

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// One image at a time: patches [c·kh·kw, oh·ow] live in scratch, before the scratch of the product. Stride 1 has
/// faster ways.
[<AbstractClass; Sealed>]
type internal ConvolveKernel<'L, 'V, 'S, 'T when 'T: unmanaged and 'L :> ILanes<'V, 'T> and 'S :> ILanes<'T, 'T>> =

    /// The outputs of an axis whose window element `offset` lies inside the input: from the first to before the last.
    static member inline private First(offset: int, stride: int, padding: int) : int =
        if offset >= padding then 0 else (padding - offset + stride - 1) / stride

    static member inline private Last(offset: int, stride: int, padding: int, input: int, output: int) : int =
        let reach = input - 1 + padding - offset
        if reach < 0 then 0 else min output (reach / stride + 1)

    /// patches[(c, kh, kw), (oh, ow)] = x[c, oh·stride + kh − padding, ow·stride + kw − padding], 0 outside.
    static member private ToPatches(shape: ConvolutionShape, x: nativeint, patches: nativeint) : unit =
        let stride, padding = shape.Stride, shape.Padding
        let height, width = shape.Height, shape.Width
        let outputHeight, outputWidth = shape.OutputHeight, shape.OutputWidth
        let zero = 'S.OfFloat 0.0
        let mutable target = patches

        for channel in 0 .. shape.InputChannels - 1 do
            for kh in 0 .. shape.KernelHeight - 1 do
                for kw in 0 .. shape.KernelWidth - 1 do
                    let first = ConvolveKernel<'L, 'V, 'S, 'T>.First(kw, stride, padding)
                    let last = max first (ConvolveKernel<'L, 'V, 'S, 'T>.Last(kw, stride, padding, width, outputWidth))

                    for oh in 0 .. outputHeight - 1 do
                        let row = oh * stride + kh - padding

                        if row < 0 || row >= height || first >= outputWidth then
                            for ow in 0 .. outputWidth - 1 do
                                'S.Store(target, ow, zero)
                        else
                            let source =
                                Memory.at<'T> x ((channel * height + row) * width + first * stride + kw - padding)

                            for ow in 0 .. first - 1 do
                                'S.Store(target, ow, zero)

                            CopyKernel<'L, 'V, 'S, 'T>.Line(source, stride, Memory.at<'T> target first, 1, last - first)

                            for ow in last .. outputWidth - 1 do
                                'S.Store(target, ow, zero)

                        target <- Memory.at<'T> target outputWidth

    /// The adjoint of ToPatches: x = 0, then every patch element is added to where it came from.
    static member private FromPatches(shape: ConvolutionShape, patches: nativeint, x: nativeint) : unit =
        let stride, padding = shape.Stride, shape.Padding
        let height, width = shape.Height, shape.Width
        let outputHeight, outputWidth = shape.OutputHeight, shape.OutputWidth
        ElementwiseKernel<'L, 'V, 'S, 'T>.Fill('S.OfFloat 0.0, x, shape.ImageSize)
        let mutable source = patches

        for channel in 0 .. shape.InputChannels - 1 do
            for kh in 0 .. shape.KernelHeight - 1 do
                for kw in 0 .. shape.KernelWidth - 1 do
                    let first = ConvolveKernel<'L, 'V, 'S, 'T>.First(kw, stride, padding)
                    let last = ConvolveKernel<'L, 'V, 'S, 'T>.Last(kw, stride, padding, width, outputWidth)

                    for oh in 0 .. outputHeight - 1 do
                        let row = oh * stride + kh - padding

                        if row >= 0 && row < height && first < last then
                            let target =
                                Memory.at<'T> x ((channel * height + row) * width + first * stride + kw - padding)

                            let from = Memory.at<'T> source first

                            if stride = 1 then
                                ElementwiseKernel<'L, 'V, 'S, 'T>.Add(target, false, from, false, target, last - first)
                            else
                                for i in 0 .. last - first - 1 do
                                    let sum = 'S.Add('S.Load(target, i * stride), 'S.Load(from, i))
                                    'S.Store(target, i * stride, sum)

                        source <- Memory.at<'T> source outputWidth

    /// Elements of scratch memory: the patches, and the packing of either product.
    static member Scratch(shape: ConvolutionShape) : int =
        if PlaneConvolveKernel<'L, 'V, 'S, 'T>.Serves shape then
            max (PlaneConvolveKernel<'L, 'V, 'S, 'T>.Scratch shape) (DirectConvolveKernel<'L, 'V, 'S, 'T>.Scratch shape)
        else
            shape.WindowSize * shape.Positions + MatMulKernel<'L, 'V, 'S, 'T>.PackedPanel

    /// y[n] = weight [o, c·kh·kw] · patches of x[n].
    static member private ForwardByPatches
        (shape: ConvolutionShape, x: nativeint, weight: nativeint, y: nativeint, scratch: nativeint)
        : unit =
        let rows, positions = shape.WindowSize, shape.Positions
        let image = shape.ImageSize
        let outputs = shape.OutputChannels
        let panel = Memory.at<'T> scratch (rows * positions)

        for n in 0 .. shape.Batch - 1 do
            ConvolveKernel<'L, 'V, 'S, 'T>.ToPatches(shape, Memory.at<'T> x (n * image), scratch)
            let target = Memory.at<'T> y (n * outputs * positions)

            MatMulKernel<'L, 'V, 'S, 'T>
                .Multiply(
                    outputs,
                    positions,
                    rows,
                    weight,
                    rows,
                    1,
                    scratch,
                    positions,
                    1,
                    0n,
                    0,
                    target,
                    positions,
                    panel
                )

    /// dx[n] = the sum of the patches weightᵀ · dy[n].
    static member private InputGradientByPatches
        (shape: ConvolutionShape, dy: nativeint, weight: nativeint, dx: nativeint, scratch: nativeint)
        : unit =
        let rows, positions = shape.WindowSize, shape.Positions
        let image = shape.ImageSize
        let outputs = shape.OutputChannels
        let panel = Memory.at<'T> scratch (rows * positions)

        for n in 0 .. shape.Batch - 1 do
            let source = Memory.at<'T> dy (n * outputs * positions)

            MatMulKernel<'L, 'V, 'S, 'T>
                .Multiply(
                    rows,
                    positions,
                    outputs,
                    weight,
                    1,
                    rows,
                    source,
                    positions,
                    1,
                    0n,
                    0,
                    scratch,
                    positions,
                    panel
                )

            ConvolveKernel<'L, 'V, 'S, 'T>.FromPatches(shape, scratch, Memory.at<'T> dx (n * image))

    /// dweight = Σₙ dy[n] · (patches of x[n])ᵀ.
    static member private WeightGradientByPatches
        (shape: ConvolutionShape, x: nativeint, dy: nativeint, dweight: nativeint, scratch: nativeint)
        : unit =
        let rows, positions = shape.WindowSize, shape.Positions
        let image = shape.ImageSize
        let outputs = shape.OutputChannels
        let panel = Memory.at<'T> scratch (rows * positions)
        ElementwiseKernel<'L, 'V, 'S, 'T>.Fill('S.OfFloat 0.0, dweight, outputs * rows)

        for n in 0 .. shape.Batch - 1 do
            ConvolveKernel<'L, 'V, 'S, 'T>.ToPatches(shape, Memory.at<'T> x (n * image), scratch)
            let source = Memory.at<'T> dy (n * outputs * positions)

            MatMulKernel<'L, 'V, 'S, 'T>
                .Multiply(
                    outputs,
                    rows,
                    positions,
                    source,
                    positions,
                    1,
                    scratch,
                    1,
                    positions,
                    dweight,
                    rows,
                    dweight,
                    rows,
                    panel
                )

    static member private AddBias(shape: ConvolutionShape, bias: nativeint, y: nativeint) : unit =
        if bias <> 0n then
            let channels, positions = shape.OutputChannels, shape.Positions

            for n in 0 .. shape.Batch - 1 do
                let image = Memory.at<'T> y (n * channels * positions)
                DirectConvolveKernel<'L, 'V, 'S, 'T>.AddBias(channels, positions, bias, image)

    /// y = x ⋆ weight + bias.
    static member Forward(shape: ConvolutionShape, x, weight, y, bias, scratch, goesOn) : unit =
        if DirectConvolveKernel<'L, 'V, 'S, 'T>.ServesForward shape then
            DirectConvolveKernel<'L, 'V, 'S, 'T>.Forward(shape, x, weight, y, bias, scratch, goesOn)
        elif PlaneConvolveKernel<'L, 'V, 'S, 'T>.Serves shape then
            PlaneConvolveKernel<'L, 'V, 'S, 'T>.Forward(shape, x, weight, y, scratch)
            ConvolveKernel<'L, 'V, 'S, 'T>.AddBias(shape, bias, y)
        else
            ConvolveKernel<'L, 'V, 'S, 'T>.ForwardByPatches(shape, x, weight, y, scratch)
            ConvolveKernel<'L, 'V, 'S, 'T>.AddBias(shape, bias, y)

    /// The adjoint in x.
    static member InputGradient(shape: ConvolutionShape, dy, weight, dx, scratch) : unit =
        if PlaneConvolveKernel<'L, 'V, 'S, 'T>.Serves shape then
            PlaneConvolveKernel<'L, 'V, 'S, 'T>.InputGradient(shape, dy, weight, dx, scratch)
        else
            ConvolveKernel<'L, 'V, 'S, 'T>.InputGradientByPatches(shape, dy, weight, dx, scratch)

    /// The adjoint in weight.
    static member WeightGradient(shape: ConvolutionShape, x, dy, dweight, scratch) : unit =
        if DirectConvolveKernel<'L, 'V, 'S, 'T>.ServesWeightGradient shape then
            DirectConvolveKernel<'L, 'V, 'S, 'T>.WeightGradient(shape, x, dy, dweight, scratch)
        elif PlaneConvolveKernel<'L, 'V, 'S, 'T>.Serves shape then
            PlaneConvolveKernel<'L, 'V, 'S, 'T>.WeightGradient(shape, x, dy, dweight, scratch)
        else
            ConvolveKernel<'L, 'V, 'S, 'T>.WeightGradientByPatches(shape, x, dy, dweight, scratch)
