/// Cross-correlations of stride 1 by shifted planes: long copies instead of short ones.
namespace Rl.Core.Kernels

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// With stride 1 the window element (c, kh, kw) of every output is x[c], seen from kh·W + kw on. So the patches of an
/// image are its planes, shifted: rows of (oh − 1)·W + ow contiguous numbers. Outputs have the pitch W of the input
/// meanwhile; the W − ow columns between their rows are left out in the end, and are 0 in gradients, so that they
/// change no bit of a sum. Padded images are copied into wider planes first.
[<AbstractClass; Sealed>]
type internal PlaneConvolveKernel<'L, 'V, 'S, 'T when 'T: unmanaged and 'L :> ILanes<'V, 'T> and 'S :> ILanes<'T, 'T>> =

    static member private PlaneHeight(shape: ConvolutionShape) = shape.Height + 2 * shape.Padding
    static member private PlaneWidth(shape: ConvolutionShape) = shape.Width + 2 * shape.Padding

    static member private PlaneSize(shape: ConvolutionShape) =
        PlaneConvolveKernel<'L, 'V, 'S, 'T>.PlaneHeight shape
        * PlaneConvolveKernel<'L, 'V, 'S, 'T>.PlaneWidth shape

    /// Numbers from the first output to the last, with those between rows.
    static member private Reach(shape: ConvolutionShape) =
        (shape.OutputHeight - 1) * PlaneConvolveKernel<'L, 'V, 'S, 'T>.PlaneWidth shape + shape.OutputWidth

    /// The reach, up to whole vectors.
    static member private Pitch(shape: ConvolutionShape) =
        let reach = PlaneConvolveKernel<'L, 'V, 'S, 'T>.Reach shape
        (reach + 'L.Count - 1) / 'L.Count * 'L.Count

    static member private Padded(shape: ConvolutionShape) =
        if shape.Padding = 0 then
            0
        else
            shape.InputChannels * PlaneConvolveKernel<'L, 'V, 'S, 'T>.PlaneSize shape

    /// Whether an image can be taken so.
    static member Serves(shape: ConvolutionShape) : bool = shape.Stride = 1 && 'L.Count > 1

    /// Elements of scratch memory: padded planes, patches, outputs with the planes' pitch, the transposed gradient, and
    /// the packing of a product.
    static member Scratch(shape: ConvolutionShape) : int =
        let rows, pitch = shape.WindowSize, PlaneConvolveKernel<'L, 'V, 'S, 'T>.Pitch shape

        PlaneConvolveKernel<'L, 'V, 'S, 'T>.Padded shape
        + (rows + shape.OutputChannels) * pitch
        + rows * shape.OutputChannels
        + MatMulKernel<'L, 'V, 'S, 'T>.PackedPanel

    /// Rows of `count` elements from one pitch to another.
    static member private CopyRows
        (source: nativeint, sourcePitch: int, target: nativeint, targetPitch: int, rows: int, count: int)
        : unit =
        let width = 'L.Count
        let full = count / width * width
        let mask = 'L.Mask(count - full)

        for row in 0 .. rows - 1 do
            let from = Memory.at<'T> source (row * sourcePitch)
            let into = Memory.at<'T> target (row * targetPitch)
            let mutable i = 0

            while i < full do
                'L.Store(into, i, 'L.Load(from, i))
                i <- i + width

            if full < count then
                'L.StoreMasked(into, full, 'L.LoadMasked(from, full, mask), mask)

    static member private Clear(address: nativeint, count: int) =
        ElementwiseKernel<'L, 'V, 'S, 'T>.Fill('S.OfFloat 0.0, address, count)

    /// The planes of an image: its own memory, or its copy amid the zeros of `padded`.
    static member private Planes(shape: ConvolutionShape, image: nativeint, padded: nativeint) : nativeint =
        if shape.Padding = 0 then
            image
        else
            let width = PlaneConvolveKernel<'L, 'V, 'S, 'T>.PlaneWidth shape
            let size = PlaneConvolveKernel<'L, 'V, 'S, 'T>.PlaneSize shape

            for channel in 0 .. shape.InputChannels - 1 do
                PlaneConvolveKernel<'L, 'V, 'S, 'T>
                    .CopyRows(
                        Memory.at<'T> image (channel * shape.Height * shape.Width),
                        shape.Width,
                        Memory.at<'T> padded (channel * size + shape.Padding * width + shape.Padding),
                        width,
                        shape.Height,
                        shape.Width
                    )

            padded

    /// Calls f with the row of each window element and where its shifted plane begins.
    static member inline private EachShift(shape: ConvolutionShape, [<InlineIfLambda>] f: int -> int -> unit) : unit =
        let width = PlaneConvolveKernel<'L, 'V, 'S, 'T>.PlaneWidth shape
        let size = PlaneConvolveKernel<'L, 'V, 'S, 'T>.PlaneSize shape
        let mutable row = 0

        for channel in 0 .. shape.InputChannels - 1 do
            for kh in 0 .. shape.KernelHeight - 1 do
                for kw in 0 .. shape.KernelWidth - 1 do
                    f row (channel * size + kh * width + kw)
                    row <- row + 1

    /// patches [c·kh·kw, pitch] of planes; what is past the reach stays as it is.
    static member private ToPatches(shape: ConvolutionShape, planes: nativeint, patches: nativeint) : unit =
        let reach = PlaneConvolveKernel<'L, 'V, 'S, 'T>.Reach shape
        let pitch = PlaneConvolveKernel<'L, 'V, 'S, 'T>.Pitch shape
        let width = 'L.Count
        let full = reach / width * width
        let mask = 'L.Mask(reach - full)

        PlaneConvolveKernel<'L, 'V, 'S, 'T>
            .EachShift(
                shape,
                fun row shift ->
                    let from = Memory.at<'T> planes shift
                    let into = Memory.at<'T> patches (row * pitch)
                    let mutable i = 0

                    while i < full do
                        'L.Store(into, i, 'L.Load(from, i))
                        i <- i + width

                    if full < reach then
                        'L.StoreMasked(into, full, 'L.LoadMasked(from, full, mask), mask)
            )

    /// y[n] = weight [o, c·kh·kw] · patches of x[n].
    static member Forward
        (shape: ConvolutionShape, x: nativeint, weight: nativeint, y: nativeint, scratch: nativeint)
        : unit =
        let rows, outputs = shape.WindowSize, shape.OutputChannels
        let pitch = PlaneConvolveKernel<'L, 'V, 'S, 'T>.Pitch shape
        let width = PlaneConvolveKernel<'L, 'V, 'S, 'T>.PlaneWidth shape
        let positions = shape.Positions
        let patches = Memory.at<'T> scratch (PlaneConvolveKernel<'L, 'V, 'S, 'T>.Padded shape)
        let wide = Memory.at<'T> patches (rows * pitch)
        let panel = Memory.at<'T> wide (outputs * pitch)

        PlaneConvolveKernel<'L, 'V, 'S, 'T>
            .Clear(scratch, PlaneConvolveKernel<'L, 'V, 'S, 'T>.Padded shape + rows * pitch)

        for n in 0 .. shape.Batch - 1 do
            let image = Memory.at<'T> x (n * shape.ImageSize)
            let planes = PlaneConvolveKernel<'L, 'V, 'S, 'T>.Planes(shape, image, scratch)
            PlaneConvolveKernel<'L, 'V, 'S, 'T>.ToPatches(shape, planes, patches)

            MatMulKernel<'L, 'V, 'S, 'T>
                .Multiply(outputs, pitch, rows, weight, rows, 1, patches, pitch, 1, 0n, 0, wide, pitch, panel)

            for output in 0 .. outputs - 1 do
                PlaneConvolveKernel<'L, 'V, 'S, 'T>
                    .CopyRows(
                        Memory.at<'T> wide (output * pitch),
                        width,
                        Memory.at<'T> y ((n * outputs + output) * positions),
                        shape.OutputWidth,
                        shape.OutputHeight,
                        shape.OutputWidth
                    )

    /// dy[n] with the planes' pitch; what is between its rows stays 0.
    static member private Widen(shape: ConvolutionShape, dy: nativeint, n: int, wide: nativeint) : unit =
        let positions = shape.Positions
        let pitch = PlaneConvolveKernel<'L, 'V, 'S, 'T>.Pitch shape
        let width = PlaneConvolveKernel<'L, 'V, 'S, 'T>.PlaneWidth shape

        for output in 0 .. shape.OutputChannels - 1 do
            PlaneConvolveKernel<'L, 'V, 'S, 'T>
                .CopyRows(
                    Memory.at<'T> dy ((n * shape.OutputChannels + output) * positions),
                    shape.OutputWidth,
                    Memory.at<'T> wide (output * pitch),
                    width,
                    shape.OutputHeight,
                    shape.OutputWidth
                )

    /// dx[n] = the sum of the patches weightᵀ · dy[n].
    static member InputGradient
        (shape: ConvolutionShape, dy: nativeint, weight: nativeint, dx: nativeint, scratch: nativeint)
        : unit =
        let rows, outputs = shape.WindowSize, shape.OutputChannels
        let pitch = PlaneConvolveKernel<'L, 'V, 'S, 'T>.Pitch shape
        let reach = PlaneConvolveKernel<'L, 'V, 'S, 'T>.Reach shape
        let width = PlaneConvolveKernel<'L, 'V, 'S, 'T>.PlaneWidth shape
        let size = PlaneConvolveKernel<'L, 'V, 'S, 'T>.PlaneSize shape
        let image = shape.ImageSize
        let patches = Memory.at<'T> scratch (PlaneConvolveKernel<'L, 'V, 'S, 'T>.Padded shape)
        let wide = Memory.at<'T> patches (rows * pitch)
        let panel = Memory.at<'T> wide (outputs * pitch)
        PlaneConvolveKernel<'L, 'V, 'S, 'T>.Clear(wide, outputs * pitch)

        for n in 0 .. shape.Batch - 1 do
            PlaneConvolveKernel<'L, 'V, 'S, 'T>.Widen(shape, dy, n, wide)

            MatMulKernel<'L, 'V, 'S, 'T>
                .Multiply(rows, pitch, outputs, weight, 1, rows, wide, pitch, 1, 0n, 0, patches, pitch, panel)

            let target = Memory.at<'T> dx (n * image)
            let planes = if shape.Padding = 0 then target else scratch
            PlaneConvolveKernel<'L, 'V, 'S, 'T>.Clear(planes, shape.InputChannels * size)

            PlaneConvolveKernel<'L, 'V, 'S, 'T>
                .EachShift(
                    shape,
                    fun row shift ->
                        let into = Memory.at<'T> planes shift
                        let from = Memory.at<'T> patches (row * pitch)
                        ElementwiseKernel<'L, 'V, 'S, 'T>.Add(into, false, from, false, into, reach)
                )

            if shape.Padding > 0 then
                for channel in 0 .. shape.InputChannels - 1 do
                    PlaneConvolveKernel<'L, 'V, 'S, 'T>
                        .CopyRows(
                            Memory.at<'T> planes (channel * size + shape.Padding * width + shape.Padding),
                            width,
                            Memory.at<'T> target (channel * shape.Height * shape.Width),
                            shape.Width,
                            shape.Height,
                            shape.Width
                        )

    /// dweightᵀ = Σₙ (patches of x[n]) · dy[n]ᵀ, which packs the smaller of the two.
    static member WeightGradient
        (shape: ConvolutionShape, x: nativeint, dy: nativeint, dweight: nativeint, scratch: nativeint)
        : unit =
        let rows, outputs = shape.WindowSize, shape.OutputChannels
        let pitch = PlaneConvolveKernel<'L, 'V, 'S, 'T>.Pitch shape
        let patches = Memory.at<'T> scratch (PlaneConvolveKernel<'L, 'V, 'S, 'T>.Padded shape)
        let wide = Memory.at<'T> patches (rows * pitch)
        let transposed = Memory.at<'T> wide (outputs * pitch)
        let panel = Memory.at<'T> transposed (rows * outputs)

        // Zeros around images, past the reach, between the rows of dy, and to begin the sum with.
        PlaneConvolveKernel<'L, 'V, 'S, 'T>
            .Clear(
                scratch,
                PlaneConvolveKernel<'L, 'V, 'S, 'T>.Padded shape + (rows + outputs) * pitch + rows * outputs
            )

        for n in 0 .. shape.Batch - 1 do
            let image = Memory.at<'T> x (n * shape.ImageSize)
            let planes = PlaneConvolveKernel<'L, 'V, 'S, 'T>.Planes(shape, image, scratch)
            PlaneConvolveKernel<'L, 'V, 'S, 'T>.ToPatches(shape, planes, patches)
            PlaneConvolveKernel<'L, 'V, 'S, 'T>.Widen(shape, dy, n, wide)

            MatMulKernel<'L, 'V, 'S, 'T>
                .Multiply(
                    rows,
                    outputs,
                    pitch,
                    patches,
                    pitch,
                    1,
                    wide,
                    1,
                    pitch,
                    transposed,
                    outputs,
                    transposed,
                    outputs,
                    panel
                )

        CopyKernel<'L, 'V, 'S, 'T>.Plane(transposed, 1, outputs, dweight, rows, 1, outputs, rows)
