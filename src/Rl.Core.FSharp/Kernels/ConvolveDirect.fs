/// Cross-correlations of stride 1 without padding, straight from the images: no patches are made.
namespace Rl.Core.Kernels

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// The window element (c, kh, kw) of an output is where the output's own place is, shifted by (c·H + kh)·W + kw elements. A table of these shifts
/// takes the place of patches. Every sum is taken in the order of the other ways, so the bits are theirs.
[<AbstractClass; Sealed>]
type internal DirectConvolveKernel<'L, 'V, 'S, 'T when 'T: unmanaged and 'L :> ILanes<'V, 'T> and 'S :> ILanes<'T, 'T>> =

    static member private PatchRows(shape: ConvolutionShape) =
        shape.InputChannels * shape.KernelHeight * shape.KernelWidth

    static member private Positions(shape: ConvolutionShape) = shape.OutputHeight * shape.OutputWidth

    static member private IsPlain(shape: ConvolutionShape) =
        shape.Stride = 1 && shape.Padding = 0 && 'L.Count > 1

    /// Whether the outputs of an image are an even number of vectors, each of them a piece of a row or two whole rows.
    static member ServesForward(shape: ConvolutionShape) : bool =
        let width, count = shape.OutputWidth, 'L.Count

        DirectConvolveKernel<'L, 'V, 'S, 'T>.IsPlain shape
        && shape.OutputChannels % 4 = 0
        && (width % count = 0 || 2 * width = count)
        && DirectConvolveKernel<'L, 'V, 'S, 'T>.Positions shape % (2 * count) = 0

    /// Whether the output channels are whole vectors, and there are rows enough for a tile.
    static member ServesWeightGradient(shape: ConvolutionShape) : bool =
        DirectConvolveKernel<'L, 'V, 'S, 'T>.IsPlain shape
        && shape.OutputChannels % 'L.Count = 0
        && DirectConvolveKernel<'L, 'V, 'S, 'T>.PatchRows shape >= 8

    /// Elements of scratch memory: the transposed gradients of weight and output, and the shifts.
    static member Scratch(shape: ConvolutionShape) : int =
        let rows = DirectConvolveKernel<'L, 'V, 'S, 'T>.PatchRows shape
        (rows + DirectConvolveKernel<'L, 'V, 'S, 'T>.Positions shape) * shape.OutputChannels + rows

    /// Writes the shifts of all window elements, in bytes.
    static member private WriteShifts(shape: ConvolutionShape, table: nativeint) : unit =
        let mutable entry = table

        for channel in 0 .. shape.InputChannels - 1 do
            for kh in 0 .. shape.KernelHeight - 1 do
                for kw in 0 .. shape.KernelWidth - 1 do
                    let shift = (channel * shape.Height + kh) * shape.Width + kw
                    Memory.write<int> entry (shift * sizeof<'T>)
                    entry <- entry + 4n

    /// A vector of inputs for a piece of a row; or for two rows, the second of which, seen from half a vector before it, is `apart` bytes away.
    static member inline private Inputs(address: nativeint, apart: nativeint, isPaired: bool, low: 'V) : 'V =
        let first = 'L.Load(address, 0)
        if isPaired then 'L.Select(low, first, 'L.Load(address + apart, 0)) else first

    /// Eight channels of two vectors of outputs.
    static member private Tile8x2
        (
            rows: int,
            weight: nativeint,
            table: nativeint,
            first: nativeint,
            second: nativeint,
            apart: nativeint,
            isPaired: bool,
            low: 'V,
            y: nativeint,
            yRow: int
        ) : unit =
        let width = 'L.Count
        let mutable c00 = Unchecked.defaultof<'V>
        let mutable c01 = Unchecked.defaultof<'V>
        let mutable c10 = Unchecked.defaultof<'V>
        let mutable c11 = Unchecked.defaultof<'V>
        let mutable c20 = Unchecked.defaultof<'V>
        let mutable c21 = Unchecked.defaultof<'V>
        let mutable c30 = Unchecked.defaultof<'V>
        let mutable c31 = Unchecked.defaultof<'V>
        let mutable c40 = Unchecked.defaultof<'V>
        let mutable c41 = Unchecked.defaultof<'V>
        let mutable c50 = Unchecked.defaultof<'V>
        let mutable c51 = Unchecked.defaultof<'V>
        let mutable c60 = Unchecked.defaultof<'V>
        let mutable c61 = Unchecked.defaultof<'V>
        let mutable c70 = Unchecked.defaultof<'V>
        let mutable c71 = Unchecked.defaultof<'V>
        let mutable w = weight
        let mutable entry = table

        for _ in 1..rows do
            let shift = nativeint (Memory.read<int> entry)
            let b0 = DirectConvolveKernel<'L, 'V, 'S, 'T>.Inputs(first + shift, apart, isPaired, low)
            let b1 = DirectConvolveKernel<'L, 'V, 'S, 'T>.Inputs(second + shift, apart, isPaired, low)
            let x = 'L.Read(w, 0)
            c00 <- 'L.Fma(x, b0, c00)
            c01 <- 'L.Fma(x, b1, c01)
            let x = 'L.Read(w, rows)
            c10 <- 'L.Fma(x, b0, c10)
            c11 <- 'L.Fma(x, b1, c11)
            let x = 'L.Read(w, 2 * rows)
            c20 <- 'L.Fma(x, b0, c20)
            c21 <- 'L.Fma(x, b1, c21)
            let x = 'L.Read(w, 3 * rows)
            c30 <- 'L.Fma(x, b0, c30)
            c31 <- 'L.Fma(x, b1, c31)
            let x = 'L.Read(w, 4 * rows)
            c40 <- 'L.Fma(x, b0, c40)
            c41 <- 'L.Fma(x, b1, c41)
            let x = 'L.Read(w, 5 * rows)
            c50 <- 'L.Fma(x, b0, c50)
            c51 <- 'L.Fma(x, b1, c51)
            let x = 'L.Read(w, 6 * rows)
            c60 <- 'L.Fma(x, b0, c60)
            c61 <- 'L.Fma(x, b1, c61)
            let x = 'L.Read(w, 7 * rows)
            c70 <- 'L.Fma(x, b0, c70)
            c71 <- 'L.Fma(x, b1, c71)
            w <- w + nativeint sizeof<'T>
            entry <- entry + 4n

        'L.Store(y, 0, c00)
        'L.Store(y, width, c01)
        'L.Store(y, yRow, c10)
        'L.Store(y, yRow + width, c11)
        'L.Store(y, 2 * yRow, c20)
        'L.Store(y, 2 * yRow + width, c21)
        'L.Store(y, 3 * yRow, c30)
        'L.Store(y, 3 * yRow + width, c31)
        'L.Store(y, 4 * yRow, c40)
        'L.Store(y, 4 * yRow + width, c41)
        'L.Store(y, 5 * yRow, c50)
        'L.Store(y, 5 * yRow + width, c51)
        'L.Store(y, 6 * yRow, c60)
        'L.Store(y, 6 * yRow + width, c61)
        'L.Store(y, 7 * yRow, c70)
        'L.Store(y, 7 * yRow + width, c71)

    /// Four channels of two vectors of outputs.
    static member private Tile4x2
        (
            rows: int,
            weight: nativeint,
            table: nativeint,
            first: nativeint,
            second: nativeint,
            apart: nativeint,
            isPaired: bool,
            low: 'V,
            y: nativeint,
            yRow: int
        ) : unit =
        let width = 'L.Count
        let mutable c00 = Unchecked.defaultof<'V>
        let mutable c01 = Unchecked.defaultof<'V>
        let mutable c10 = Unchecked.defaultof<'V>
        let mutable c11 = Unchecked.defaultof<'V>
        let mutable c20 = Unchecked.defaultof<'V>
        let mutable c21 = Unchecked.defaultof<'V>
        let mutable c30 = Unchecked.defaultof<'V>
        let mutable c31 = Unchecked.defaultof<'V>
        let mutable w = weight
        let mutable entry = table

        for _ in 1..rows do
            let shift = nativeint (Memory.read<int> entry)
            let b0 = DirectConvolveKernel<'L, 'V, 'S, 'T>.Inputs(first + shift, apart, isPaired, low)
            let b1 = DirectConvolveKernel<'L, 'V, 'S, 'T>.Inputs(second + shift, apart, isPaired, low)
            let x = 'L.Read(w, 0)
            c00 <- 'L.Fma(x, b0, c00)
            c01 <- 'L.Fma(x, b1, c01)
            let x = 'L.Read(w, rows)
            c10 <- 'L.Fma(x, b0, c10)
            c11 <- 'L.Fma(x, b1, c11)
            let x = 'L.Read(w, 2 * rows)
            c20 <- 'L.Fma(x, b0, c20)
            c21 <- 'L.Fma(x, b1, c21)
            let x = 'L.Read(w, 3 * rows)
            c30 <- 'L.Fma(x, b0, c30)
            c31 <- 'L.Fma(x, b1, c31)
            w <- w + nativeint sizeof<'T>
            entry <- entry + 4n

        'L.Store(y, 0, c00)
        'L.Store(y, width, c01)
        'L.Store(y, yRow, c10)
        'L.Store(y, yRow + width, c11)
        'L.Store(y, 2 * yRow, c20)
        'L.Store(y, 2 * yRow + width, c21)
        'L.Store(y, 3 * yRow, c30)
        'L.Store(y, 3 * yRow + width, c31)

    /// y = x ⋆ weight.
    static member Forward
        (shape: ConvolutionShape, x: nativeint, weight: nativeint, y: nativeint, scratch: nativeint)
        : unit =
        let rows, outputs = DirectConvolveKernel<'L, 'V, 'S, 'T>.PatchRows shape, shape.OutputChannels
        let positions = DirectConvolveKernel<'L, 'V, 'S, 'T>.Positions shape
        let width = 'L.Count
        let many = 'L.Registers >= 32
        let isPaired = shape.OutputWidth < width
        let apart = nativeint ((shape.Width - width / 2) * sizeof<'T>)
        let low = 'L.Mask(width / 2)
        let inline place position = position / shape.OutputWidth * shape.Width + position % shape.OutputWidth
        DirectConvolveKernel<'L, 'V, 'S, 'T>.WriteShifts(shape, scratch)

        for n in 0 .. shape.Batch - 1 do
            let image = Memory.at<'T> x (n * shape.InputChannels * shape.Height * shape.Width)
            let mutable position = 0

            while position < positions do
                let first = Memory.at<'T> image (place position)
                let second = Memory.at<'T> image (place (position + width))
                let mutable output = 0

                while output < outputs do
                    let filter = Memory.at<'T> weight (output * rows)
                    let target = Memory.at<'T> y ((n * outputs + output) * positions + position)

                    if many && output <= outputs - 8 then
                        DirectConvolveKernel<'L, 'V, 'S, 'T>
                            .Tile8x2(rows, filter, scratch, first, second, apart, isPaired, low, target, positions)

                        output <- output + 8
                    else
                        DirectConvolveKernel<'L, 'V, 'S, 'T>
                            .Tile4x2(rows, filter, scratch, first, second, apart, isPaired, low, target, positions)

                        output <- output + 4

                position <- position + 2 * width

    /// Adds to eight rows of the transposed gradient of the weight, of one vector of channels: row r of them is the sum over positions of
    /// x[position, shifted by entry r] · dyᵀ[position]. The first `finished` rows are left as they are.
    static member private AddGradients8
        (
            shape: ConvolutionShape,
            image: nativeint,
            table: nativeint,
            dy: nativeint,
            target: nativeint,
            finished: int
        ) : unit =
        let channels = shape.OutputChannels
        let inline shift row = nativeint (Memory.read<int>(table + nativeint (4 * row)))
        let s0, s1, s2, s3 = shift 0, shift 1, shift 2, shift 3
        let s4, s5, s6, s7 = shift 4, shift 5, shift 6, shift 7
        let mutable c0 = 'L.Load(target, 0)
        let mutable c1 = 'L.Load(target, channels)
        let mutable c2 = 'L.Load(target, 2 * channels)
        let mutable c3 = 'L.Load(target, 3 * channels)
        let mutable c4 = 'L.Load(target, 4 * channels)
        let mutable c5 = 'L.Load(target, 5 * channels)
        let mutable c6 = 'L.Load(target, 6 * channels)
        let mutable c7 = 'L.Load(target, 7 * channels)
        let mutable source = image
        let mutable dy = dy
        let step = nativeint sizeof<'T>
        let dyStep = nativeint channels * step
        let between = nativeint (shape.Width - shape.OutputWidth) * step
        let outputWidth = shape.OutputWidth

        for _ in 1 .. shape.OutputHeight do
            for _ in 1..outputWidth do
                let d = 'L.Load(dy, 0)
                c0 <- 'L.Fma('L.Read(source + s0, 0), d, c0)
                c1 <- 'L.Fma('L.Read(source + s1, 0), d, c1)
                c2 <- 'L.Fma('L.Read(source + s2, 0), d, c2)
                c3 <- 'L.Fma('L.Read(source + s3, 0), d, c3)
                c4 <- 'L.Fma('L.Read(source + s4, 0), d, c4)
                c5 <- 'L.Fma('L.Read(source + s5, 0), d, c5)
                c6 <- 'L.Fma('L.Read(source + s6, 0), d, c6)
                c7 <- 'L.Fma('L.Read(source + s7, 0), d, c7)
                source <- source + step
                dy <- dy + dyStep

            source <- source + between

        if finished < 1 then 'L.Store(target, 0, c0)
        if finished < 2 then 'L.Store(target, channels, c1)
        if finished < 3 then 'L.Store(target, 2 * channels, c2)
        if finished < 4 then 'L.Store(target, 3 * channels, c3)
        if finished < 5 then 'L.Store(target, 4 * channels, c4)
        if finished < 6 then 'L.Store(target, 5 * channels, c5)
        if finished < 7 then 'L.Store(target, 6 * channels, c6)
        'L.Store(target, 7 * channels, c7)

    /// dweight = Σₙ dy[n] · (patches of x[n])ᵀ, transposed meanwhile, so that a vector holds channels.
    static member WeightGradient
        (shape: ConvolutionShape, x: nativeint, dy: nativeint, dweight: nativeint, scratch: nativeint)
        : unit =
        let rows, channels = DirectConvolveKernel<'L, 'V, 'S, 'T>.PatchRows shape, shape.OutputChannels
        let positions = DirectConvolveKernel<'L, 'V, 'S, 'T>.Positions shape
        let transposed = Memory.at<'T> scratch (positions * channels)
        let table = Memory.at<'T> transposed (rows * channels)
        DirectConvolveKernel<'L, 'V, 'S, 'T>.WriteShifts(shape, table)
        ElementwiseKernel<'L, 'V, 'S, 'T>.Fill('S.OfFloat 0.0, transposed, rows * channels)

        for n in 0 .. shape.Batch - 1 do
            let image = Memory.at<'T> x (n * shape.InputChannels * shape.Height * shape.Width)
            let source = Memory.at<'T> dy (n * channels * positions)
            CopyKernel<'L, 'V, 'S, 'T>.Transpose(source, positions, scratch, channels, positions, channels)
            let mutable channel = 0

            while channel < channels do
                let mutable finished = 0

                while finished < rows do
                    // The last tile reaches back over rows that are finished, so that all are full.
                    let first = min finished (rows - 8)

                    DirectConvolveKernel<'L, 'V, 'S, 'T>
                        .AddGradients8(
                            shape,
                            image,
                            table + nativeint (4 * first),
                            Memory.at<'T> scratch channel,
                            Memory.at<'T> transposed (first * channels + channel),
                            finished - first
                        )

                    finished <- first + 8

                channel <- channel + 'L.Count

        CopyKernel<'L, 'V, 'S, 'T>.Plane(transposed, 1, channels, dweight, rows, 1, channels, rows)
