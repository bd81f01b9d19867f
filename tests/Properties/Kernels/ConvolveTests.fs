/// Cross-correlations against plain loops, and their adjoints by the definition of an adjoint.
[<FsCheck.Xunit.Properties(Replay = "(4719045,4719047)")>]
module Rl.Tests.Kernels.ConvolveTests

open System
open Rl.Core.Kernels
open Rl.Tests.Kernels.KernelMemory
open Xunit
open FsCheck.Xunit

let private convolve (shape: ConvolutionShape) (x: float[]) (weight: float[]) =
    let s = shape

    [|
        for n in 0 .. s.Batch - 1 do
            for o in 0 .. s.OutputChannels - 1 do
                for oh in 0 .. s.OutputHeight - 1 do
                    for ow in 0 .. s.OutputWidth - 1 do
                        let mutable sum = 0.0

                        for c in 0 .. s.InputChannels - 1 do
                            for kh in 0 .. s.KernelHeight - 1 do
                                for kw in 0 .. s.KernelWidth - 1 do
                                    let row = oh * s.Stride + kh - s.Padding
                                    let column = ow * s.Stride + kw - s.Padding

                                    if row >= 0 && row < s.Height && column >= 0 && column < s.Width then
                                        sum <-
                                            sum
                                            + x[((n * s.InputChannels + c) * s.Height + row) * s.Width + column]
                                              * weight[((o * s.InputChannels + c) * s.KernelHeight + kh) * s.KernelWidth
                                                       + kw]

                        sum
    |]

/// `every` keeps one number of the images of so many, and makes the others 0.
let private checkEvery (every: int) (shape: ConvolutionShape) =
    let s = shape

    let x =
        draws 1 (s.Batch * s.InputChannels * s.Height * s.Width)
        |> Array.mapi (fun index value -> if index * 7 % every = 0 then value else 0.0)

    let weight = draws 2 (s.OutputChannels * s.InputChannels * s.KernelHeight * s.KernelWidth)
    let dy = draws 3 (s.Batch * s.OutputChannels * s.OutputHeight * s.OutputWidth)
    let inner (a: float[]) (b: float[]) = Array.fold2 (fun sum u v -> sum + u * v) 0.0 a b
    let expected = convolve shape x weight

    everywhere
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                let image, filter, gradient = Block<'T>(x, 1), Block<'T>(weight, 0), Block<'T>(dy, 2)
                let scratch = Block<'T>(Array.zeroCreate (kernels.ConvolveScratch shape), 0)
                let y = Block<'T>(Array.create dy.Length nan, 1)
                let dx = Block<'T>(Array.create x.Length nan, 1)
                let dweight = Block<'T>(Array.create weight.Length nan, 1)
                kernels.Convolve(shape, image.Address, filter.Address, y.Address, 0n, scratch.Address, false)
                close $"{kernels.Name} {shape}" (100.0 * epsilon<'T>) expected y.Values
                kernels.ConvolveInputGradient(shape, gradient.Address, filter.Address, dx.Address, scratch.Address)
                kernels.ConvolveWeightGradient(shape, image.Address, gradient.Address, dweight.Address, scratch.Address)
                scratch.Elements |> ignore
                let pairing = [| inner expected dy |]

                // The rounding of an inner product is bounded by its length times Σ |aᵢ bᵢ|, not by the sum, which may
                // cancel.
                let bound a b = float (10 + dy.Length) * epsilon<'T> * (1.0 + inner (Array.map abs a) (Array.map abs b))
                close $"{kernels.Name} {shape} input" (bound x dx.Values) pairing [| inner x dx.Values |]
                let paired = [| inner weight dweight.Values |]
                close $"{kernels.Name} {shape} weight" (bound weight dweight.Values) pairing paired
        }

let private check shape = checkEvery 1 shape

[<Property(MaxTest = 80)>]
let ``a convolution equals the plain loop, and its gradients are its adjoints``
    (batch: byte)
    (channels: byte)
    (size: uint16)
    (kernel: byte)
    (stride: byte)
    (padding: byte)
    =
    let kernelHeight, kernelWidth = 1 + int kernel % 4, 1 + int kernel / 4 % 4

    check
        {
            Batch = int batch % 3
            InputChannels = 1 + int channels % 3
            Height = kernelHeight + int size % 9
            Width = kernelWidth + int size / 9 % 9
            OutputChannels = 1 + int channels / 3 % 5
            KernelHeight = kernelHeight
            KernelWidth = kernelWidth
            Stride = 1 + int stride % 4
            Padding = int padding % 4
        }

[<Fact>]
let ``padding wider than the image is zeros`` () =
    check
        {
            Batch = 2
            InputChannels = 2
            Height = 2
            Width = 1
            OutputChannels = 3
            KernelHeight = 3
            KernelWidth = 3
            Stride = 2
            Padding = 4
        }

[<Fact>]
let ``the convolution of a small game's screen equals the plain loop`` () =
    check
        {
            Batch = 3
            InputChannels = 4
            Height = 10
            Width = 10
            OutputChannels = 16
            KernelHeight = 3
            KernelWidth = 3
            Stride = 1
            Padding = 0
        }

let private screen channels width outputs =
    {
        Batch = 3
        InputChannels = channels
        Height = 10
        Width = width
        OutputChannels = outputs
        KernelHeight = 3
        KernelWidth = 3
        Stride = 1
        Padding = 0
    }

[<Fact>]
let ``the convolution of screens that are nearly empty equals the plain loop, whatever the width of vectors`` () =
    for every in [ 1; 2; 11; 23; 1000 ] do
        for shape in [ screen 4 10 16; screen 7 10 16; screen 2 18 32; screen 3 34 16; screen 3 10 12 ] do
            checkEvery every shape

/// The results of a convolution and of its two gradients, as `kernels` make them, bit by bit.
let private bits (kernels: KernelSet<float32>) (shape: ConvolutionShape) (x: float[]) =
    let s = shape
    let weight = draws 2 (s.OutputChannels * s.InputChannels * s.KernelHeight * s.KernelWidth)
    let dy = draws 3 (s.Batch * s.OutputChannels * s.OutputHeight * s.OutputWidth)
    let image, filter, gradient = Block<float32>(x, 0), Block<float32>(weight, 0), Block<float32>(dy, 0)
    let scratch = Block<float32>(Array.zeroCreate (kernels.ConvolveScratch shape), 0)
    let y, dweight = Block<float32>(Array.create dy.Length nan, 0), Block<float32>(Array.create weight.Length nan, 0)
    kernels.Convolve(shape, image.Address, filter.Address, y.Address, 0n, scratch.Address, false)
    kernels.ConvolveWeightGradient(shape, image.Address, gradient.Address, dweight.Address, scratch.Address)
    let inBits (values: float[]) = values |> Array.map BitConverter.DoubleToInt64Bits
    inBits y.Values, inBits dweight.Values

[<Fact>]
let ``few numbers among zeros, many, and patches add up to the same bits`` () =
    for every in [ 1; 3; 8; 9; 40; 1000 ] do
        let shape = screen 7 10 16

        let x =
            draws 1 (shape.Batch * 700)
            |> Array.mapi (fun index value -> if index * 7 % every = 0 then value else 0.0)

        let y, dweight = bits Kernels.singleScalar shape x

        for kernels in [ Kernels.single512; Kernels.single256 ] do
            let otherY, otherGradient = bits kernels shape x
            Assert.Equal<int64[]>(y, otherY)
            Assert.Equal<int64[]>(dweight, otherGradient)

[<Fact>]
let ``an image too large for quotients by products is convolved otherwise`` () =
    // At place 2²⁰ the product first gives another quotient than the division.
    let shape =
        {
            Batch = 1
            InputChannels = 1
            Height = 1
            Width = (1 <<< 20) + 1
            OutputChannels = 16
            KernelHeight = 1
            KernelWidth = 2
            Stride = 1
            Padding = 0
        }

    let allocate (count: int) = GC.AllocateArray<float32>(count, pinned = true)
    let address (data: float32[]) = Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(data, 0)
    let image, weight, y = allocate shape.ImageSize, allocate 32, allocate (16 * shape.Positions)
    image[1 <<< 20] <- 3.0f

    for index in 0..31 do
        weight[index] <- float32 (index + 1)

    let kernels = Kernels.single512
    let scratch = allocate (kernels.ConvolveScratch shape + 64)
    kernels.Convolve(shape, address image, address weight, address y, 0n, address scratch, false)

    for channel in 0..15 do
        Assert.Equal(3.0f * weight[2 * channel + 1], y[(channel + 1) * shape.Positions - 1])

/// A convolution with a bias of every image alone, each call going on where the one before it ended, or from the start.
let private oneByOne (kernels: KernelSet<float32>) (shape: ConvolutionShape) (x: float[]) (goesOn: bool) =
    let s = shape
    let weight = draws 2 (s.OutputChannels * s.WindowSize)
    let outputs = s.OutputChannels * s.Positions
    let image, filter = Block<float32>(x, 0), Block<float32>(weight, 0)
    let bias = Block<float32>(draws 4 s.OutputChannels, 0)
    let scratch = Block<float32>(Array.zeroCreate (kernels.ConvolveScratch shape), 0)
    let y = Block<float32>(Array.create (s.Batch * outputs) nan, 0)

    for n in 0 .. s.Batch - 1 do
        let from = image.Address + nativeint (4 * n * s.ImageSize)
        let into = y.Address + nativeint (4 * n * outputs)
        let one = { shape with Batch = 1 }
        kernels.Convolve(one, from, filter.Address, into, bias.Address, scratch.Address, goesOn && n > 0)

    y.Values, bias.Values

[<Fact>]
let ``a bias is added to the finished sums, and calls may go on where others ended`` () =
    let wide = { screen 3 10 16 with Padding = 1 }
    let strided = { screen 3 11 5 with Stride = 2 }

    for every in [ 1; 11; 40; 1000 ] do
        for shape in [ screen 7 10 16; screen 3 10 12; wide; strided ] do
            let x =
                draws 1 (shape.Batch * shape.ImageSize)
                |> Array.mapi (fun index value -> if index * 7 % every = 0 then value else 0.0)

            for kernels in Kernels.singles do
                let y, _ = bits kernels shape x
                let fresh, bias = oneByOne kernels shape x false
                let goingOn, _ = oneByOne kernels shape x true

                let expected =
                    y
                    |> Array.mapi (fun index sum ->
                        let channel = index / shape.Positions % shape.OutputChannels
                        float (float32 (BitConverter.Int64BitsToDouble sum) + float32 bias[channel]))

                Assert.Equal<float[]>(expected, fresh)
                Assert.Equal<float[]>(expected, goingOn)

[<Fact>]
let ``numbers that are not finite reach their own windows only, among zeros too`` () =
    let shape = { screen 2 10 16 with Batch = 1 }

    for odd in [ nan; infinity ] do
        for place in [ 0; 9; 55; 99; 190; 199 ] do
            let x = Array.init shape.ImageSize (fun index -> if index = place then odd else 0.0)
            let y, dweight = bits Kernels.singleScalar shape x
            let finite (values: int64[]) = values |> Array.map (BitConverter.Int64BitsToDouble >> Double.IsFinite)

            for kernels in Kernels.singles do
                let otherY, otherGradient = bits kernels shape x
                Assert.Equal<bool[]>(finite y, finite otherY)
                Assert.Equal<bool[]>(finite dweight, finite otherGradient)
