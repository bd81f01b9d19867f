/// Adam's arithmetic in one pass against the four loops that it stands for, bit for bit.
[<FsCheck.Xunit.Properties(Replay = "(4719049,4719051)")>]
module Rl.Tests.Kernels.MomentTests

open System
open Rl.Core.Autodiff
open Rl.Core.Kernels
open Rl.Core.Optimisers
open Rl.Tests.Kernels.KernelMemory
open Xunit
open FsCheck.Xunit

[<Property(MaxTest = 60)>]
let ``one pass has the bits of four`` (size: byte) (seed: byte) (isSquared: bool) (isInPlace: bool) =
    let count, seed = int size, int seed
    let first, gradient, parameters = draws seed count, draws (seed + 300) count, draws (seed + 600) count
    // Zeros and numbers below the range of the quick square root among them.
    let second = draws (seed + 900) count |> Array.map (fun x -> if x < -1.0 then 0.0 else abs x * 1e-30)
    let square = draws (seed + 1200) count |> Array.map (fun x -> if isSquared then x * x else x)

    everywhere
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                let scalar value = Block<'T>([| value |], 1)
                let decay1, weight1, decay2, weight2 = scalar 0.9, scalar 0.07, scalar 0.999, scalar 2e-4
                let epsilon, rate = scalar 1e-5, scalar -3e-2
                let vector values = Block<'T>(values, seed % 5)
                let fresh () = Block<'T>(Array.zeroCreate count, 3)
                let m, v, theta = vector first, vector second, vector parameters
                let g, s = vector gradient, vector square
                let m1, v1, direction, theta1 = fresh (), fresh (), fresh (), fresh ()

                let sum operation (decay: Block<'T>) (x: Block<'T>) (weight: Block<'T>) (y: Block<'T>) (z: Block<'T>) =
                    kernels.Quaternary(
                        operation,
                        decay.Address,
                        true,
                        x.Address,
                        false,
                        weight.Address,
                        true,
                        y.Address,
                        false,
                        z.Address,
                        count
                    )

                let ofSquare =
                    if isSquared then
                        QuaternaryOperation.SumOfProducts
                    else
                        QuaternaryOperation.SumWithSquare

                sum QuaternaryOperation.SumOfProducts decay1 m weight1 g m1
                sum ofSquare decay2 v weight2 s v1

                kernels.Ternary(
                    TernaryOperation.DivideByRoot,
                    m1.Address,
                    false,
                    v1.Address,
                    false,
                    epsilon.Address,
                    true,
                    direction.Address,
                    count
                )

                kernels.Ternary(
                    TernaryOperation.MultiplyAdd,
                    rate.Address,
                    true,
                    direction.Address,
                    false,
                    theta.Address,
                    false,
                    theta1.Address,
                    count
                )

                let m2, v2, theta2 = if isInPlace then m, v, theta else fresh (), fresh (), fresh ()

                let step =
                    {
                        FirstDecay = decay1.Address
                        First = m.Address
                        FirstWeight = weight1.Address
                        Gradient = g.Address
                        NewFirst = m2.Address
                        SecondDecay = decay2.Address
                        Second = v.Address
                        SecondWeight = weight2.Address
                        Square = s.Address
                        IsSquared = isSquared
                        NewSecond = v2.Address
                        Epsilon = epsilon.Address
                        Rate = rate.Address
                        Parameters = theta.Address
                        NewParameters = theta2.Address
                        Count = count
                    }

                kernels.MoveMoments &step
                identical $"{kernels.Name}: first moments" m1.Elements m2.Elements
                identical $"{kernels.Name}: second moments" v1.Elements v2.Elements
                identical $"{kernels.Name}: parameters" theta1.Elements theta2.Elements
        }

[<Theory; InlineData 0.0; InlineData 0.5>]
let ``Adam's update is one pass, whether or not its gradients are clipped`` (maximum: float) =
    let count = 37
    let theta, gradient = Expr.input "theta" [| count |], Expr.input "gradient" [| count |]
    let adam = Optimiser.adam (Schedule.input "learningRate") 1e-5

    let transform =
        if maximum > 0.0 then
            Transform.chain [ Transform.clipByGlobalNorm maximum; adam ]
        else
            adam

    let state = Optimiser.inputs "optimiser." count transform
    let struct (moved, newState) = Optimiser.update transform gradient state theta
    let program = Program.compile<float32> { Outputs = []; Carried = (theta, moved) :: List.zip state newState }
    Assert.Contains("in one pass", program.Explain())

/// An update of Adam's form, of more elements than a block has, and its operands.
let private update (second: Expr -> Expr) =
    let vector name = Expr.input name [| 5000 |]
    let m = 0.9 * vector "m" + 0.1 * vector "g"
    let v = 0.99 * vector "v" + 0.01 * second m
    m, v, vector "theta" + -0.5 * (m / (Expr.sqrt v + 0.25))

let private runs (outputs: (string * Expr) list) (name: string) =
    let program = Program.ofOutputs<float32> outputs

    for input, seed in [ "m", 1; "g", 2; "v", 3; "theta", 4 ] do
        if program.HasInput input then
            program.Set(input, ReadOnlySpan(draws seed 5000 |> Array.map (abs >> float32)))

    program.Run()
    (program.Output name).ToArray()

[<Fact>]
let ``moments that nobody keeps are not written anywhere`` () =
    let m, v, theta = update (fun _ -> Expr.square (Expr.input "g" [| 5000 |]))
    let all = [ "m", m; "v", v; "theta", theta ]
    let expected = runs all "theta"

    for kept in [ [ "theta", theta ]; [ "m", m; "theta", theta ]; [ "v", v; "theta", theta ] ] do
        Assert.Equal<float32[]>(expected, runs kept "theta")

[<Fact>]
let ``a second moment of the new first one reads the new one`` () =
    let m, v, theta = update Expr.square
    let expected = Array.map2 (fun v m -> 0.99 * abs v + 0.01 * m * m) (draws 3 5000)
    let all = [ "m", m; "v", v; "theta", theta ]
    let moments = runs all "m" |> Array.map float
    close "second moment" 1e-6 (expected moments) (runs all "v" |> Array.map float)
