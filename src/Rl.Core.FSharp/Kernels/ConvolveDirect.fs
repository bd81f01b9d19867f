/// Cross-correlations of stride 1 without padding: small matrix products whose rows are looked up, so that no patches
/// are made.
namespace Rl.Core.Kernels

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// Forwards, each image is copied once for each column of the window, in rows as long as those of the output: then the
/// inputs of a window element are contiguous, from a place on that a table knows. Backwards, they are read from the
/// image, one at a time. Images that are nearly all zeros are left to `SparseConvolveKernel`. Every sum is taken in the
/// order of the other ways, so the bits are theirs.
[<AbstractClass; Sealed>]
type internal DirectConvolveKernel<'L, 'V, 'S, 'T when 'T: unmanaged and 'L :> ILanes<'V, 'T> and 'S :> ILanes<'T, 'T>>
    =

    /// Elements of the copies of an image.
    static member private Copies(shape: ConvolutionShape) =
        shape.InputChannels * shape.KernelWidth * shape.Height * shape.OutputWidth

    static member private IsPlain(shape: ConvolutionShape) = shape.Stride = 1 && shape.Padding = 0 && 'L.Count > 1

    /// Whether the outputs of an image are an even number of vectors, for a number of channels that tiles divide.
    static member ServesForward(shape: ConvolutionShape) : bool =
        DirectConvolveKernel<'L, 'V, 'S, 'T>.IsPlain shape
        && shape.OutputChannels % 4 = 0
        && shape.Positions % (2 * 'L.Count) = 0

    /// Whether the window is 3x3 and the output channels are whole vectors.
    static member ServesWeightGradient(shape: ConvolutionShape) : bool =
        DirectConvolveKernel<'L, 'V, 'S, 'T>.IsPlain shape
        && shape.KernelHeight = 3
        && shape.KernelWidth = 3
        && shape.OutputChannels % 'L.Count = 0

    /// Elements of scratch memory: a transposed output and weight, copies of an image, a table, and the places of
    /// numbers other than 0.
    static member Scratch(shape: ConvolutionShape) : int =
        let rows = shape.WindowSize
        let positions = shape.Positions

        (rows + positions) * shape.OutputChannels
        + DirectConvolveKernel<'L, 'V, 'S, 'T>.Copies shape
        + rows
        + SparseConvolveKernel<'L, 'V, 'S, 'T>.Scratch shape

    /// Writes where the inputs of each window element begin in the copies, in bytes.
    static member private WritePlaces(shape: ConvolutionShape, table: nativeint) : unit =
        let mutable entry = table

        for channel in 0 .. shape.InputChannels - 1 do
            for kh in 0 .. shape.KernelHeight - 1 do
                for kw in 0 .. shape.KernelWidth - 1 do
                    let row = (channel * shape.KernelWidth + kw) * shape.Height + kh
                    Memory.write<int> entry (row * shape.OutputWidth * sizeof<'T>)
                    entry <- entry + 4n

    /// The copies of an image: of each channel and column of the window, the columns that it meets.
    static member private Copy(shape: ConvolutionShape, image: nativeint, copies: nativeint) : unit =
        let width = 'L.Count
        let columns = shape.OutputWidth
        let full = columns / width * width
        let mask = 'L.Mask(columns - full)
        let mutable target = copies

        for channel in 0 .. shape.InputChannels - 1 do
            for kw in 0 .. shape.KernelWidth - 1 do
                let mutable source = Memory.at<'T> image (channel * shape.Height * shape.Width + kw)

                for _ in 1 .. shape.Height do
                    let mutable i = 0

                    while i < full do
                        'L.Store(target, i, 'L.Load(source, i))
                        i <- i + width

                    if full < columns then
                        'L.StoreMasked(target, full, 'L.LoadMasked(source, full, mask), mask)

                    source <- Memory.at<'T> source shape.Width
                    target <- Memory.at<'T> target columns

    /// Eight channels of two vectors of outputs; the weight is transposed to [rows, channels].
    static member private Tile8x2
        (rows: int, weight: nativeint, channels: int, table: nativeint, copies: nativeint, y: nativeint, yRow: int)
        : unit =
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
        let step = nativeint channels * nativeint sizeof<'T>
        let mutable w = weight
        let mutable entry = table

        for _ in 1..rows do
            let shift = nativeint (Memory.read<int> entry)
            let b0 = 'L.Load(copies + shift, 0)
            let b1 = 'L.Load(copies + shift, width)
            let x = 'L.Read(w, 0)
            c00 <- 'L.Fma(x, b0, c00)
            c01 <- 'L.Fma(x, b1, c01)
            let x = 'L.Read(w, 1)
            c10 <- 'L.Fma(x, b0, c10)
            c11 <- 'L.Fma(x, b1, c11)
            let x = 'L.Read(w, 2)
            c20 <- 'L.Fma(x, b0, c20)
            c21 <- 'L.Fma(x, b1, c21)
            let x = 'L.Read(w, 3)
            c30 <- 'L.Fma(x, b0, c30)
            c31 <- 'L.Fma(x, b1, c31)
            let x = 'L.Read(w, 4)
            c40 <- 'L.Fma(x, b0, c40)
            c41 <- 'L.Fma(x, b1, c41)
            let x = 'L.Read(w, 5)
            c50 <- 'L.Fma(x, b0, c50)
            c51 <- 'L.Fma(x, b1, c51)
            let x = 'L.Read(w, 6)
            c60 <- 'L.Fma(x, b0, c60)
            c61 <- 'L.Fma(x, b1, c61)
            let x = 'L.Read(w, 7)
            c70 <- 'L.Fma(x, b0, c70)
            c71 <- 'L.Fma(x, b1, c71)
            w <- w + step
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

    /// Four of them.
    static member private Tile4x2
        (rows: int, weight: nativeint, channels: int, table: nativeint, copies: nativeint, y: nativeint, yRow: int)
        : unit =
        let width = 'L.Count
        let mutable c00 = Unchecked.defaultof<'V>
        let mutable c01 = Unchecked.defaultof<'V>
        let mutable c10 = Unchecked.defaultof<'V>
        let mutable c11 = Unchecked.defaultof<'V>
        let mutable c20 = Unchecked.defaultof<'V>
        let mutable c21 = Unchecked.defaultof<'V>
        let mutable c30 = Unchecked.defaultof<'V>
        let mutable c31 = Unchecked.defaultof<'V>
        let step = nativeint channels * nativeint sizeof<'T>
        let mutable w = weight
        let mutable entry = table

        for _ in 1..rows do
            let shift = nativeint (Memory.read<int> entry)
            let b0 = 'L.Load(copies + shift, 0)
            let b1 = 'L.Load(copies + shift, width)
            let x = 'L.Read(w, 0)
            c00 <- 'L.Fma(x, b0, c00)
            c01 <- 'L.Fma(x, b1, c01)
            let x = 'L.Read(w, 1)
            c10 <- 'L.Fma(x, b0, c10)
            c11 <- 'L.Fma(x, b1, c11)
            let x = 'L.Read(w, 2)
            c20 <- 'L.Fma(x, b0, c20)
            c21 <- 'L.Fma(x, b1, c21)
            let x = 'L.Read(w, 3)
            c30 <- 'L.Fma(x, b0, c30)
            c31 <- 'L.Fma(x, b1, c31)
            w <- w + step
            entry <- entry + 4n

        'L.Store(y, 0, c00)
        'L.Store(y, width, c01)
        'L.Store(y, yRow, c10)
        'L.Store(y, yRow + width, c11)
        'L.Store(y, 2 * yRow, c20)
        'L.Store(y, 2 * yRow + width, c21)
        'L.Store(y, 3 * yRow, c30)
        'L.Store(y, 3 * yRow + width, c31)

    /// Adds to an image of outputs [channels, positions] the number of each channel.
    static member AddBias(channels: int, positions: int, bias: nativeint, y: nativeint) : unit =
        for channel in 0 .. channels - 1 do
            let plane = Memory.at<'T> y (channel * positions)
            ElementwiseKernel<'L, 'V, 'S, 'T>.Add(plane, false, Memory.at<'T> bias channel, true, plane, positions)

    /// y = x ⋆ weight + bias; with `goesOn` scratch holds the table and the transposed weight already.
    static member Forward
        (
            shape: ConvolutionShape,
            x: nativeint,
            weight: nativeint,
            y: nativeint,
            bias: nativeint,
            scratch: nativeint,
            goesOn: bool
        ) : unit =
        let rows, channels = shape.WindowSize, shape.OutputChannels
        let positions = shape.Positions
        let turned = Memory.at<'T> scratch (DirectConvolveKernel<'L, 'V, 'S, 'T>.Copies shape)
        let table = Memory.at<'T> turned (rows * channels)
        let sparse = Memory.at<'T> table rows
        let many = 'L.Registers >= 32

        if not goesOn then
            DirectConvolveKernel<'L, 'V, 'S, 'T>.WritePlaces(shape, table)
            CopyKernel<'L, 'V, 'S, 'T>.Transpose(weight, rows, turned, channels, rows, channels)

        for n in 0 .. shape.Batch - 1 do
            let image = Memory.at<'T> x (n * shape.ImageSize)
            let target = Memory.at<'T> y (n * channels * positions)

            let numbers =
                if channels % 'L.Count = 0 then
                    SparseConvolveKernel<'L, 'V, 'S, 'T>.FindNumbers(shape, image, sparse)
                else
                    -1

            if numbers >= 0 then
                SparseConvolveKernel<'L, 'V, 'S, 'T>.Forward(shape, image, sparse, numbers, turned, bias, target)
            else
                DirectConvolveKernel<'L, 'V, 'S, 'T>.Copy(shape, image, scratch)

            let mutable position = if numbers >= 0 then positions else 0

            while position < positions do
                let copies = Memory.at<'T> scratch position
                let mutable channel = 0

                while channel < channels do
                    let filter = Memory.at<'T> turned channel
                    let target = Memory.at<'T> target (channel * positions + position)

                    if many && channel <= channels - 8 then
                        DirectConvolveKernel<'L, 'V, 'S, 'T>
                            .Tile8x2(rows, filter, channels, table, copies, target, positions)

                        channel <- channel + 8
                    else
                        DirectConvolveKernel<'L, 'V, 'S, 'T>
                            .Tile4x2(rows, filter, channels, table, copies, target, positions)

                        channel <- channel + 4

                position <- position + 2 * 'L.Count

            if numbers < 0 && bias <> 0n then
                DirectConvolveKernel<'L, 'V, 'S, 'T>.AddBias(channels, positions, bias, target)

    /// Adds to the nine rows of the transposed gradient of the weight that belong to an input channel, of one vector of
    /// output channels: the row of (kh, kw) is the sum over positions of x[position, shifted by it] · dyᵀ[position].
    static member private AddWindow
        (shape: ConvolutionShape, plane: nativeint, dy: nativeint, target: nativeint)
        : unit =
        let channels = shape.OutputChannels
        let mutable c0 = 'L.Load(target, 0)
        let mutable c1 = 'L.Load(target, channels)
        let mutable c2 = 'L.Load(target, 2 * channels)
        let mutable c3 = 'L.Load(target, 3 * channels)
        let mutable c4 = 'L.Load(target, 4 * channels)
        let mutable c5 = 'L.Load(target, 5 * channels)
        let mutable c6 = 'L.Load(target, 6 * channels)
        let mutable c7 = 'L.Load(target, 7 * channels)
        let mutable c8 = 'L.Load(target, 8 * channels)
        let step = nativeint sizeof<'T>
        let dyStep = nativeint channels * step
        let rowStep = nativeint shape.Width * step
        let between = nativeint (shape.Width - shape.OutputWidth) * step
        let mutable top = plane
        let mutable middle = plane + rowStep
        let mutable bottom = middle + rowStep
        let mutable dy = dy
        let outputWidth = shape.OutputWidth

        for _ in 1 .. shape.OutputHeight do
            for _ in 1..outputWidth do
                let d = 'L.Load(dy, 0)
                c0 <- 'L.Fma('L.Read(top, 0), d, c0)
                c1 <- 'L.Fma('L.Read(top, 1), d, c1)
                c2 <- 'L.Fma('L.Read(top, 2), d, c2)
                c3 <- 'L.Fma('L.Read(middle, 0), d, c3)
                c4 <- 'L.Fma('L.Read(middle, 1), d, c4)
                c5 <- 'L.Fma('L.Read(middle, 2), d, c5)
                c6 <- 'L.Fma('L.Read(bottom, 0), d, c6)
                c7 <- 'L.Fma('L.Read(bottom, 1), d, c7)
                c8 <- 'L.Fma('L.Read(bottom, 2), d, c8)
                top <- top + step
                middle <- middle + step
                bottom <- bottom + step
                dy <- dy + dyStep

            top <- top + between
            middle <- middle + between
            bottom <- bottom + between

        'L.Store(target, 0, c0)
        'L.Store(target, channels, c1)
        'L.Store(target, 2 * channels, c2)
        'L.Store(target, 3 * channels, c3)
        'L.Store(target, 4 * channels, c4)
        'L.Store(target, 5 * channels, c5)
        'L.Store(target, 6 * channels, c6)
        'L.Store(target, 7 * channels, c7)
        'L.Store(target, 8 * channels, c8)

    /// dweight = Σₙ dy[n] · (patches of x[n])ᵀ, transposed meanwhile, so that a vector holds channels.
    static member WeightGradient
        (shape: ConvolutionShape, x: nativeint, dy: nativeint, dweight: nativeint, scratch: nativeint)
        : unit =
        let rows, channels = shape.WindowSize, shape.OutputChannels
        let positions = shape.Positions
        let transposed = Memory.at<'T> scratch (positions * channels)
        let sparse = Memory.at<'T> transposed (rows * channels)
        SparseConvolveKernel<'L, 'V, 'S, 'T>.Clear(shape, sparse)
        ElementwiseKernel<'L, 'V, 'S, 'T>.Fill('S.OfFloat 0.0, transposed, rows * channels)

        for n in 0 .. shape.Batch - 1 do
            let image = Memory.at<'T> x (n * shape.ImageSize)
            let source = Memory.at<'T> dy (n * channels * positions)
            let numbers = SparseConvolveKernel<'L, 'V, 'S, 'T>.FindNumbers(shape, image, sparse)

            if numbers >= 0 then
                SparseConvolveKernel<'L, 'V, 'S, 'T>
                    .AddWeightGradient(shape, image, sparse, numbers, source, transposed)
            else
                CopyKernel<'L, 'V, 'S, 'T>.Transpose(source, positions, scratch, channels, positions, channels)

            let mutable channel = if numbers >= 0 then channels else 0

            while channel < channels do
                for input in 0 .. shape.InputChannels - 1 do
                    DirectConvolveKernel<'L, 'V, 'S, 'T>
                        .AddWindow(
                            shape,
                            Memory.at<'T> image (input * shape.Height * shape.Width),
                            Memory.at<'T> scratch channel,
                            Memory.at<'T> transposed (9 * input * channels + channel)
                        )

                channel <- channel + 'L.Count

        CopyKernel<'L, 'V, 'S, 'T>.Plane(transposed, 1, channels, dweight, rows, 1, channels, rows)
