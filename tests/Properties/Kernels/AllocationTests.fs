/// Kernels allocate nothing once they are warm.
module Rl.Tests.Kernels.AllocationTests

open System
open Rl.Core.Kernels
open Rl.Tests.Kernels.KernelMemory
open Xunit

[<Fact>]
let ``no kernel allocates`` () =
    everywhere
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                let block () = Block<'T>(draws 4 20000, 0).Address
                let a, b, c, scratch = block (), block (), block (), Block<'T>(Array.zeroCreate 60000, 0).Address

                let nothing name action = Assert.True((allocated action = 0L), $"{kernels.Name}: {name} allocates")

                for operation in Enum.GetValues<UnaryOperation>() do
                    nothing $"{operation}" (fun () -> kernels.Unary(operation, a, c, 75))

                for operation in Enum.GetValues<BinaryOperation>() do
                    nothing $"{operation}" (fun () -> kernels.Binary(operation, a, false, b, true, c, 75))

                for operation in Enum.GetValues<TernaryOperation>() do
                    nothing $"{operation}" (fun () -> kernels.Ternary(operation, a, false, b, true, b, false, c, 75))

                for operation in Enum.GetValues<QuaternaryOperation>() do
                    nothing $"{operation}" (fun () ->
                        kernels.Quaternary(operation, a, false, b, true, b, false, a, true, c, 75))

                for operation in Enum.GetValues<ReduceOperation>() do
                    nothing $"{operation}" (fun () ->
                        kernels.Reduce(operation, a, c, 3, 50, 1)
                        kernels.Reduce(operation, a, c, 30, 4, 1)
                        kernels.Reduce(operation, a, c, 3, 50, 21))

                let shape = [| 3; 9; 11 |]
                let xStrides, yStrides = [| 99; 1; 9 |], [| 99; 11; 1 |]
                nothing "CopyStrided" (fun () -> kernels.CopyStrided(a, xStrides, c, yStrides, shape))
                nothing "Fill" (fun () -> kernels.Fill(element 1.0, c, 75))
                nothing "Copy" (fun () -> kernels.Copy(a, c, 75))
                nothing "ArgMax" (fun () -> kernels.ArgMax(a, c, 3, 5, 2))
                nothing "Gather" (fun () -> kernels.Gather(a, b, c, 3, 5, 4, 2))
                nothing "ScatterAdd" (fun () -> kernels.ScatterAdd(a, b, c, 3, 5, 4, 2))

                for aTransposed in [ false; true ] do
                    for bTransposed in [ false; true ] do
                        for n in [ 3; 70 ] do
                            let shape =
                                {
                                    M = 21
                                    N = n
                                    K = 30
                                    ARowStride = if aTransposed then 1 else 30
                                    AColumnStride = if aTransposed then 21 else 1
                                    BRowStride = if bTransposed then 1 else n
                                    BColumnStride = if bTransposed then 30 else 1
                                    CRowStride = n
                                    CColumnStride = 1
                                }

                            nothing $"MatMul {shape}" (fun () -> kernels.MatMul(shape, a, b, c, b, scratch))

                let image =
                    {
                        Batch = 2
                        InputChannels = 3
                        Height = 8
                        Width = 9
                        OutputChannels = 4
                        KernelHeight = 3
                        KernelWidth = 2
                        Stride = 2
                        Padding = 1
                    }

                nothing "Convolve" (fun () -> kernels.Convolve(image, a, b, c, 0n, scratch, false))
                nothing "ConvolveInputGradient" (fun () -> kernels.ConvolveInputGradient(image, a, b, c, scratch))
                nothing "ConvolveWeightGradient" (fun () -> kernels.ConvolveWeightGradient(image, a, b, c, scratch))
        }
