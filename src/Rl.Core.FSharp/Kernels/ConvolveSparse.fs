/// Cross-correlations of images that are nearly all zeros, as planes of flags are: number by number.
namespace Rl.Core.Kernels

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// A zero adds nothing: only the other numbers of an image are looked up, once, and each is added to the outputs whose
/// windows it lies in. Stride 1, no padding, output channels in whole vectors; outputs and weights are transposed, so
/// that a vector holds channels. Every sum is taken in the order of the other ways, so the bits are theirs.
[<AbstractClass; Sealed>]
type internal SparseConvolveKernel<'L, 'V, 'S, 'T when 'T: unmanaged and 'L :> ILanes<'V, 'T> and 'S :> ILanes<'T, 'T>>
    =

    /// The most numbers other than 0 that an image is taken one by one for: each of them costs about four times what it
    /// does amid others.
    static member private FewestDense(shape: ConvolutionShape) = shape.InputChannels * shape.Positions / 8

    /// Elements of the list of numbers.
    static member Scratch(shape: ConvolutionShape) : int = 3 * SparseConvolveKernel<'L, 'V, 'S, 'T>.FewestDense shape

    /// How many numbers of an image are not 0.
    static member private CountNumbers(shape: ConvolutionShape, image: nativeint) : int =
        let size = shape.ImageSize
        let width = 'L.Count
        let zero, one = 'L.Constant 0.0, 'L.Constant 1.0
        let mutable count = zero
        let mutable i = 0

        while i < size do
            let values = 'L.LoadMasked(image, i, 'L.Mask(size - i))
            count <- 'L.Add(count, 'L.AndNot('L.Equal(values, zero), one))
            i <- i + width

        int ('S.ToFloat('L.Sum count))

    /// Lists channel, row and column of the numbers of an image that are not 0, in order, and returns how many there
    /// are; −1 if they are too many.
    static member FindNumbers(shape: ConvolutionShape, image: nativeint, list: nativeint) : int =
        let width = 'L.Count
        let most = SparseConvolveKernel<'L, 'V, 'S, 'T>.FewestDense shape
        let isSparse = SparseConvolveKernel<'L, 'V, 'S, 'T>.CountNumbers(shape, image) <= most
        let mutable count = if isSparse then 0 else -1
        let mutable row = 0
        let rows = shape.InputChannels * shape.Height

        while row < rows && count >= 0 do
            let source = Memory.at<'T> image (row * shape.Width)
            let mutable first = 0

            while first < shape.Width do
                let last = min shape.Width (first + width)

                let values = 'L.LoadMasked(source, first, 'L.Mask(last - first))

                if 'L.Any('L.AndNot('L.Equal(values, 'L.Constant 0.0), 'L.Mask width)) then
                    for column in first .. last - 1 do
                        if count >= 0 && 'S.ToFloat('S.Load(source, column)) <> 0.0 then
                            if count = most then
                                count <- -1
                            else
                                let entry = list + nativeint (12 * count)
                                Memory.write<int> entry (row / shape.Height)
                                Memory.write<int> (entry + 4n) (row % shape.Height)
                                Memory.write<int> (entry + 8n) column
                                count <- count + 1

                first <- last

            row <- row + 1

        count

    /// Calls f with each number of the list, as a vector, and with the window elements that meet it and the outputs
    /// where they do, in elements of transposed weights and outputs.
    static member inline private EachMeeting
        (
            shape: ConvolutionShape,
            image: nativeint,
            list: nativeint,
            count: int,
            [<InlineIfLambda>] f: 'V -> int -> int -> unit
        ) : unit =
        let channels = shape.OutputChannels
        let kernelHeight, kernelWidth = shape.KernelHeight, shape.KernelWidth
        let outputHeight, outputWidth = shape.OutputHeight, shape.OutputWidth

        for number in 0 .. count - 1 do
            let entry = list + nativeint (12 * number)
            let channel, row = Memory.read<int> entry, Memory.read<int>(entry + 4n)
            let column = Memory.read<int>(entry + 8n)
            let x = 'L.Read(image, (channel * shape.Height + row) * shape.Width + column)

            for kh in max 0 (row - outputHeight + 1) .. min (kernelHeight - 1) row do
                let window = (channel * kernelHeight + kh) * kernelWidth
                let output = (row - kh) * outputWidth + column

                for kw in max 0 (column - outputWidth + 1) .. min (kernelWidth - 1) column do
                    f x ((window + kw) * channels) ((output - kw) * channels)

    /// target[channel] += x · source[channel] for all output channels.
    static member inline private AddTo(target: nativeint, x: 'V, source: nativeint, channels: int) : unit =
        let mutable channel = 0

        while channel < channels do
            'L.Store(target, channel, 'L.Fma(x, 'L.Load(source, channel), 'L.Load(target, channel)))
            channel <- channel + 'L.Count

    /// Adds to the transposed output yᵀ [positions, channels] of an image, whose numbers are listed, with the
    /// transposed weight [rows, channels].
    static member AddForward
        (shape: ConvolutionShape, image: nativeint, list: nativeint, count: int, weight: nativeint, y: nativeint)
        : unit =
        SparseConvolveKernel<'L, 'V, 'S, 'T>
            .EachMeeting(
                shape,
                image,
                list,
                count,
                fun x window output ->
                    let source, target = Memory.at<'T> weight window, Memory.at<'T> y output
                    SparseConvolveKernel<'L, 'V, 'S, 'T>.AddTo(target, x, source, shape.OutputChannels)
            )

    /// Adds to the transposed gradient of the weight [rows, channels] what an image gives, whose numbers are listed,
    /// with the transposed gradient of its output, dyᵀ [positions, channels].
    static member AddWeightGradient
        (shape: ConvolutionShape, image: nativeint, list: nativeint, count: int, dy: nativeint, dweight: nativeint)
        : unit =
        SparseConvolveKernel<'L, 'V, 'S, 'T>
            .EachMeeting(
                shape,
                image,
                list,
                count,
                fun x window output ->
                    let source, target = Memory.at<'T> dy output, Memory.at<'T> dweight window
                    SparseConvolveKernel<'L, 'V, 'S, 'T>.AddTo(target, x, source, shape.OutputChannels)
            )
