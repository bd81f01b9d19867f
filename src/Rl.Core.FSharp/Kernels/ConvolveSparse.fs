/// Cross-correlations of images that are nearly all zeros, as planes of flags are: number by number.
namespace Rl.Core.Kernels

open System

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// A zero adds nothing: only the other numbers of an image are looked up, once, and each is added to the outputs whose
/// windows it lies in. Stride 1, no padding, output channels in whole vectors. Weights are transposed to [rows,
/// channels] and outputs to [positions, channels], so that a vector holds channels; outputs have margins, so that every
/// number meets a whole window. Every sum is taken in the order of the other ways, so the bits are theirs.
[<AbstractClass; Sealed>]
type internal SparseConvolveKernel<'L, 'V, 'S, 'T when 'T: unmanaged and 'L :> ILanes<'V, 'T> and 'S :> ILanes<'T, 'T>>
    =

    /// The most numbers other than 0 that an image is taken one by one for: each of them costs about four times what it
    /// does amid others.
    static member private FewestDense(shape: ConvolutionShape) = shape.InputChannels * shape.Positions / 8

    /// Elements of outputs with their margins.
    static member private WideSize(shape: ConvolutionShape) =
        (shape.OutputHeight + 2 * (shape.KernelHeight - 1))
        * (shape.OutputWidth + 2 * (shape.KernelWidth - 1))
        * shape.OutputChannels

    /// Elements of the outputs with their margins and of the list of numbers, which whole vectors are written to.
    static member Scratch(shape: ConvolutionShape) : int =
        SparseConvolveKernel<'L, 'V, 'S, 'T>.WideSize shape
        + SparseConvolveKernel<'L, 'V, 'S, 'T>.FewestDense shape
        + 'L.Count
        + 128

    static member private List(shape: ConvolutionShape, scratch: nativeint) =
        (Memory.at<'T> scratch (SparseConvolveKernel<'L, 'V, 'S, 'T>.WideSize shape) + 511n) &&& ~~~511n

    /// The most elements of an image: quotients of its places are taken by products, which are exact up to here.
    static member private LargestImage = 1 <<< 20

    /// Lists the places of the numbers of an image that are not 0, in order, and returns how many there are; −1 if they
    /// are too many, or the image is too large.
    static member FindNumbers(shape: ConvolutionShape, image: nativeint, scratch: nativeint) : int =
        let list = SparseConvolveKernel<'L, 'V, 'S, 'T>.List(shape, scratch)
        let width = 'L.Count
        let size = shape.ImageSize

        let most =
            if size <= SparseConvolveKernel<'L, 'V, 'S, 'T>.LargestImage then
                SparseConvolveKernel<'L, 'V, 'S, 'T>.FewestDense shape
            else
                -1

        let zero, all = 'L.Constant 0.0, 'L.Mask width
        let mutable count = 0
        let mutable place = 0

        while place < size && count <= most do
            let values =
                if place <= size - width then
                    'L.Load(image, place)
                else
                    'L.LoadMasked(image, place, 'L.Mask(size - place))

            let numbers = 'L.AndNot('L.Equal(values, zero), all)
            count <- count + 'L.WritePlaces(list + nativeint (4 * count), place, numbers)
            place <- place + width

        if count <= most then count else -1

    /// Calls f with each number of the list, as a vector, and with the bytes to the window elements and outputs where
    /// they meet; in margins too, unless the number is not finite, whose product with their zeros would not be 0.
    static member inline private EachMeeting
        (
            shape: ConvolutionShape,
            image: nativeint,
            scratch: nativeint,
            count: int,
            [<InlineIfLambda>] f: 'V -> nativeint -> nativeint -> unit
        ) : unit =
        let step = nativeint (shape.OutputChannels * sizeof<'T>)
        let height, width = shape.Height, shape.Width
        let kernelHeight, kernelWidth = shape.KernelHeight, shape.KernelWidth
        let outputHeight, outputWidth = shape.OutputHeight, shape.OutputWidth
        let wideWidth = outputWidth + 2 * (kernelWidth - 1)
        // Quotients by products: exact for images of at most 2²⁰ elements.
        let byWidth = (1L <<< 40) / int64 width + 1L
        let byHeight = (1L <<< 40) / int64 height + 1L
        let mutable entry = SparseConvolveKernel<'L, 'V, 'S, 'T>.List(shape, scratch)

        for _ in 1..count do
            let place = Memory.read<int> entry
            let line = int ((int64 place * byWidth) >>> 40)
            let channel = int ((int64 line * byHeight) >>> 40)
            let row, column = line - channel * height, place - line * width
            let x = 'L.Read(image, place)
            let isFinite = Double.IsFinite('S.ToFloat('S.Load(image, place)))
            let firstRow = if isFinite then 0 else max 0 (row - outputHeight + 1)
            let lastRow = if isFinite then kernelHeight - 1 else min (kernelHeight - 1) row
            let firstColumn = if isFinite then 0 else max 0 (column - outputWidth + 1)
            let lastColumn = if isFinite then kernelWidth - 1 else min (kernelWidth - 1) column
            let corner = channel * kernelHeight * kernelWidth
            let home = (row + kernelHeight - 1) * wideWidth + column + kernelWidth - 1

            for kh in firstRow..lastRow do
                let mutable window = nativeint (corner + kh * kernelWidth + firstColumn) * step
                let mutable output = nativeint (home - kh * wideWidth - firstColumn) * step

                for _ in firstColumn..lastColumn do
                    f x window output
                    window <- window + step
                    output <- output - step

            entry <- entry + 4n

    /// Adds to some transposed outputs [positions, channels] the number of each channel.
    static member private AddBias(channels: int, positions: int, bias: nativeint, y: nativeint) : unit =
        let mutable channel = 0

        while channel < channels do
            let number = 'L.Load(bias, channel)
            let mutable place = channel

            for _ in 1..positions do
                'L.Store(y, place, 'L.Add('L.Load(y, place), number))
                place <- place + channels

            channel <- channel + 'L.Count

    /// The outputs [channels, positions] of an image whose numbers are listed, with the bias (0n: none).
    static member Forward
        (
            shape: ConvolutionShape,
            image: nativeint,
            scratch: nativeint,
            count: int,
            weight: nativeint,
            bias: nativeint,
            y: nativeint
        ) : unit =
        let channels = shape.OutputChannels
        let outputHeight, outputWidth = shape.OutputHeight, shape.OutputWidth
        let wideWidth = outputWidth + 2 * (shape.KernelWidth - 1)
        // The first output, behind its margins, and the way to that of the next row.
        let corner = (shape.KernelHeight - 1) * wideWidth + shape.KernelWidth - 1
        let first = Memory.at<'T> scratch (corner * channels)
        let step = nativeint (wideWidth * channels * sizeof<'T>)
        let mutable outputs = first

        for _ in 1..outputHeight do
            ElementwiseKernel<'L, 'V, 'S, 'T>.Fill('S.OfFloat 0.0, outputs, outputWidth * channels)
            outputs <- outputs + step

        let mutable channel = 0

        while channel < channels do
            let weight, y = Memory.at<'T> weight channel, Memory.at<'T> scratch channel

            SparseConvolveKernel<'L, 'V, 'S, 'T>
                .EachMeeting(
                    shape,
                    image,
                    scratch,
                    count,
                    fun x window output ->
                        'L.Store(y + output, 0, 'L.Fma(x, 'L.Load(weight + window, 0), 'L.Load(y + output, 0)))
                )

            channel <- channel + 'L.Count

        let positions = outputHeight * outputWidth
        let mutable outputs = first
        let mutable target = y

        for _ in 1..outputHeight do
            if bias <> 0n then
                SparseConvolveKernel<'L, 'V, 'S, 'T>.AddBias(channels, outputWidth, bias, outputs)

            CopyKernel<'L, 'V, 'S, 'T>.Transpose(outputs, channels, target, positions, channels, outputWidth)
            outputs <- outputs + step
            target <- Memory.at<'T> target outputWidth

    /// Empties the margins, before the first of some images.
    static member Clear(shape: ConvolutionShape, scratch: nativeint) : unit =
        let size = SparseConvolveKernel<'L, 'V, 'S, 'T>.WideSize shape
        ElementwiseKernel<'L, 'V, 'S, 'T>.Fill('S.OfFloat 0.0, scratch, size)

    /// Adds to the transposed gradient of the weight what an image gives, whose numbers are listed, with the gradient
    /// of its outputs, dy [channels, positions].
    static member AddWeightGradient
        (shape: ConvolutionShape, image: nativeint, scratch: nativeint, count: int, dy: nativeint, dweight: nativeint)
        : unit =
        let channels = shape.OutputChannels
        let outputHeight, outputWidth = shape.OutputHeight, shape.OutputWidth
        let positions = outputHeight * outputWidth
        let wideWidth = outputWidth + 2 * (shape.KernelWidth - 1)
        let corner = (shape.KernelHeight - 1) * wideWidth + shape.KernelWidth - 1
        let step = nativeint (wideWidth * channels * sizeof<'T>)
        let mutable target = Memory.at<'T> scratch (corner * channels)
        let mutable source = dy

        for _ in 1..outputHeight do
            CopyKernel<'L, 'V, 'S, 'T>.Transpose(source, positions, target, channels, outputWidth, channels)
            target <- target + step
            source <- Memory.at<'T> source outputWidth

        let mutable channel = 0

        while channel < channels do
            let dy, dweight = Memory.at<'T> scratch channel, Memory.at<'T> dweight channel

            SparseConvolveKernel<'L, 'V, 'S, 'T>
                .EachMeeting(
                    shape,
                    image,
                    scratch,
                    count,
                    fun x window output ->
                        'L.Store(dweight + window, 0, 'L.Fma(x, 'L.Load(dy + output, 0), 'L.Load(dweight + window, 0)))
                )

            channel <- channel + 'L.Count
